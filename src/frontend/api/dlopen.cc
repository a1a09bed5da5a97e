// Owns: the exported dlopen and dlmopen: deepbind.cc looks at the flags, then the next one goes on.
// Called by: the program.
// Never: in libhakmem.a: a static program's dlopen cannot be found at run time; a frame of ours
// when the next one is entered. libc takes the return address for the caller, whose namespace,
// RUNPATH and $ORIGIN count. No compiler promises a jump without optimisation: hence assembly.
#if defined(__x86_64__)
__asm__(R"(
  .pushsection .text
  .p2align 4
  .globl dlopen
  .type dlopen, @function
dlopen:
  .cfi_startproc
  endbr64
  pushq %rdi
  .cfi_adjust_cfa_offset 8
  movl %esi, %edi
  call hakmem_before_dlopen
  movl %edx, %esi
  popq %rdi
  .cfi_adjust_cfa_offset -8
  jmpq *%rax
  .cfi_endproc
  .size dlopen, . - dlopen

  .p2align 4
  .globl dlmopen
  .type dlmopen, @function
dlmopen:
  .cfi_startproc
  endbr64
  pushq %rdi
  .cfi_adjust_cfa_offset 8
  pushq %rsi
  .cfi_adjust_cfa_offset 8
  subq $8, %rsp
  .cfi_adjust_cfa_offset 8
  movl %edx, %esi
  call hakmem_before_dlmopen
  addq $8, %rsp
  .cfi_adjust_cfa_offset -8
  popq %rsi
  .cfi_adjust_cfa_offset -8
  popq %rdi
  .cfi_adjust_cfa_offset -8
  jmpq *%rax
  .cfi_endproc
  .size dlmopen, . - dlmopen
  .popsection
)");
#else
// hint #34 is bti c; a branch by x16 may land where a call may.
__asm__(R"(
  .pushsection .text
  .p2align 4
  .globl dlopen
  .type dlopen, %function
dlopen:
  .cfi_startproc
  hint #34
  stp x29, x30, [sp, #-32]!
  .cfi_def_cfa_offset 32
  .cfi_offset x29, -32
  .cfi_offset x30, -24
  str x0, [sp, #16]
  mov w0, w1
  bl hakmem_before_dlopen
  mov x16, x0
  ldr x0, [sp, #16]
  ldp x29, x30, [sp], #32
  .cfi_restore x29
  .cfi_restore x30
  .cfi_def_cfa_offset 0
  br x16
  .cfi_endproc
  .size dlopen, . - dlopen

  .p2align 4
  .globl dlmopen
  .type dlmopen, %function
dlmopen:
  .cfi_startproc
  hint #34
  stp x29, x30, [sp, #-32]!
  .cfi_def_cfa_offset 32
  .cfi_offset x29, -32
  .cfi_offset x30, -24
  stp x0, x1, [sp, #16]
  mov w1, w2
  bl hakmem_before_dlmopen
  mov x16, x0
  mov w2, w1
  ldp x0, x1, [sp, #16]
  ldp x29, x30, [sp], #32
  .cfi_restore x29
  .cfi_restore x30
  .cfi_def_cfa_offset 0
  br x16
  .cfi_endproc
  .size dlmopen, . - dlmopen
  .popsection
)");
#endif
