// Owns: the exported syscall: program_calls.cc looks at the number, then the next one goes on.
// Called by: the program; libraries such as libseccomp.
// Never: in libhakmem.a: a static program's own could not be found; a frame of ours when the next
// one is entered, for what forks or clones by number returns twice. Hence assembly.
#if defined(__x86_64__)
__asm__(R"(
  .pushsection .text
  .p2align 4
  .globl syscall
  .type syscall, @function
syscall:
  .cfi_startproc
  endbr64
  pushq %rdi
  pushq %rsi
  pushq %rdx
  pushq %rcx
  pushq %r8
  pushq %r9
  subq $8, %rsp
  .cfi_adjust_cfa_offset 56
  call hakmem_before_syscall
  addq $8, %rsp
  popq %r9
  popq %r8
  popq %rcx
  popq %rdx
  popq %rsi
  popq %rdi
  .cfi_adjust_cfa_offset -56
  jmpq *%rax
  .cfi_endproc
  .size syscall, . - syscall
  .popsection
)");
#else
// hint #34 is bti c; a branch by x16 may land where a call may.
__asm__(R"(
  .pushsection .text
  .p2align 4
  .globl syscall
  .type syscall, %function
syscall:
  .cfi_startproc
  hint #34
  stp x29, x30, [sp, #-80]!
  .cfi_def_cfa_offset 80
  .cfi_offset x29, -80
  .cfi_offset x30, -72
  stp x0, x1, [sp, #16]
  stp x2, x3, [sp, #32]
  stp x4, x5, [sp, #48]
  str x6, [sp, #64]
  bl hakmem_before_syscall
  mov x16, x0
  ldp x0, x1, [sp, #16]
  ldp x2, x3, [sp, #32]
  ldp x4, x5, [sp, #48]
  ldr x6, [sp, #64]
  ldp x29, x30, [sp], #80
  .cfi_restore x29
  .cfi_restore x30
  .cfi_def_cfa_offset 0
  br x16
  .cfi_endproc
  .size syscall, . - syscall
  .popsection
)");
#endif
