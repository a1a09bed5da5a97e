// Owns: a system call filter that a preloaded library enters just before main, when the allocator
// has started. From the environment:
//   CALL_FILTER_ALLOW=FILE   numbers of calls that the process may make; any other kills it
//   CALL_FILTER_OWN=FILE     numbers that libhakmem.so itself may make; any other kills
//   CALL_FILTER_COLD=1       without an allocation before
//   CALL_FILTER_REPORT=1     SIGSYS instead, with a line on stderr that names call and place
//   CALL_FILTER_RECORD=FILE  no filter: adds the numbers of all calls made, call_recorder.h
// Called by: the dynamic loader; LD_PRELOAD has it in front of libhakmem.so.
// Never: an allocation, a file left open.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "call_recorder.h"

enum { kMostNumbers = 512, kMostInstructions = 2 * kMostNumbers + 64 };

#if defined(__x86_64__)
#define STACK_POINTER(registers) (registers).gregs[REG_RSP]
#else
#define STACK_POINTER(registers) (registers).sp
#endif

typedef int Main(int, char**, char**);

static Main* main_of_program;
static uintptr_t library_start, text_start, text_end;
static struct sock_filter code[kMostInstructions];
static unsigned length;

static void fail(const char* what) {
  dprintf(2, "call_filter: %s\n", what);
  _exit(126);
}

static void add(uint16_t operation, uint32_t value, uint8_t if_true, uint8_t if_false) {
  if (length == kMostInstructions) fail("the filter is too long");
  code[length++] =
      (struct sock_filter){.code = operation, .jt = if_true, .jf = if_false, .k = value};
}

static void load(size_t offset) {
  add(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static uint32_t otherwise(void) {
  return getenv("CALL_FILTER_REPORT") != NULL ? SECCOMP_RET_TRAP : SECCOMP_RET_KILL_PROCESS;
}

static unsigned read_numbers(const char* path, unsigned* numbers) {
  static char text[16384];
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) fail(path);
  const ssize_t bytes = read(file, text, sizeof text - 1);
  close(file);
  if (bytes < 0 || bytes == sizeof text - 1) fail("a list cannot be read");
  text[bytes] = '\0';
  unsigned count = 0;
  char* rest = text;
  for (char* end;; rest = end) {
    const unsigned long number = strtoul(rest, &end, 10);
    if (end == rest) return count;
    if (count == kMostNumbers) fail("a list is too long");
    numbers[count++] = (unsigned)number;
  }
}

static void allow_listed(const char* path) {
  static unsigned numbers[kMostNumbers];
  unsigned count = read_numbers(path, numbers);
  if (count + 2 > kMostNumbers) fail("a list is too long");
  // For what the process executes, where this library enters a filter of its own.
  numbers[count++] = SYS_seccomp;
  numbers[count++] = SYS_prctl;
  load(offsetof(struct seccomp_data, nr));
  for (unsigned index = 0; index < count; ++index) {
    add(BPF_JMP | BPF_JEQ | BPF_K, numbers[index], 0, 1);
    add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
  }
  add(BPF_RET | BPF_K, otherwise(), 0, 0);
}

static void enter(void) {
  const struct sock_fprog program = {.len = (unsigned short)length, .filter = code};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) fail("no filter here");
  length = 0;
}

static int find_library(struct dl_phdr_info* object, size_t size, void* unused) {
  (void)size, (void)unused;
  if (strstr(object->dlpi_name, "libhakmem.so") == NULL) return 0;
  for (unsigned index = 0; index < object->dlpi_phnum; ++index) {
    const ElfW(Phdr)* part = &object->dlpi_phdr[index];
    if (part->p_type != PT_LOAD || (part->p_flags & PF_X) == 0) continue;
    library_start = object->dlpi_addr;
    text_start = library_start + part->p_vaddr;
    text_end = text_start + part->p_memsz;
    return 1;
  }
  return 0;
}

// What follows is for instructions in [start, end), which share the upper half of their addresses.
static void for_instructions(uintptr_t start, uintptr_t end, const char* path) {
  static unsigned numbers[kMostNumbers];
  const unsigned count = read_numbers(path, numbers);
  const unsigned beyond = 2 * count + 2;
  if (beyond > 250) fail("the library's list is too long");
  const size_t address = offsetof(struct seccomp_data, instruction_pointer);
  load(address + 4);
  add(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)((uint64_t)start >> 32), 0, (uint8_t)(beyond + 3));
  load(address);
  add(BPF_JMP | BPF_JGE | BPF_K, (uint32_t)start, 0, (uint8_t)(beyond + 1));
  // The address after the call's instruction.
  add(BPF_JMP | BPF_JGT | BPF_K, (uint32_t)(end - 1), (uint8_t)beyond, 0);
  load(offsetof(struct seccomp_data, nr));
  for (unsigned index = 0; index < count; ++index) {
    add(BPF_JMP | BPF_JEQ | BPF_K, numbers[index], 0, 1);
    add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
  }
  add(BPF_RET | BPF_K, otherwise(), 0, 0);
}

static void limit_library(const char* path) {
  if (dl_iterate_phdr(find_library, NULL) == 0) fail("libhakmem.so is not loaded");
  const uintptr_t border = (uintptr_t)((uint64_t)(text_end - 1) >> 32 << 32);
  if (text_start < border) {
    for_instructions(text_start, border, path);
    for_instructions(border, text_end, path);
  } else {
    for_instructions(text_start, text_end, path);
  }
  add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
}

static void print(const char* format, size_t value) {
  char line[100];
  const int bytes = snprintf(line, sizeof line, format, value);
  const ssize_t written = write(2, line, (size_t)bytes);  // its thread has no descriptors
  (void)written;
}

// What the stack holds of the library's addresses tells roughly who called libc. No dladdr: it
// waits for locks that who is interrupted here may hold; no dprintf: it allocates.
static void report(int signal, siginfo_t* what, void* context) {
  (void)signal;
  const uintptr_t place = (uintptr_t)what->si_call_addr;
  const int own = place > text_start && place <= text_end;
  print(own ? "call_filter: call %zu by the library\n" : "call_filter: call %zu by others\n",
        (size_t)what->si_syscall);
  const ucontext_t* interrupted = context;
  const uintptr_t* stack = (const uintptr_t*)STACK_POINTER(interrupted->uc_mcontext);
  if (own) print("  libhakmem.so+0x%zx\n", (size_t)(place - library_start));
  for (int word = 0, shown = 0; word < 256 && shown < 12; ++word) {
    if (stack[word] < text_start || stack[word] >= text_end) continue;
    print("  libhakmem.so+0x%zx\n", (size_t)(stack[word] - library_start));
    ++shown;
  }
  _exit(128 + SIGSYS);
}

// The library's thread blocks all signals, and a blocked SIGSYS would kill without a report.
int pthread_sigmask(int how, const sigset_t* wanted, sigset_t* before) {
  sigset_t set;
  if (wanted != NULL && getenv("CALL_FILTER_REPORT") != NULL) {
    set = *wanted;
    sigdelset(&set, SIGSYS);
    wanted = &set;
  }
  return sigprocmask(how, wanted, before);
}

static int main_under_filter(int count, char** arguments, char** environment) {
  const char* record = getenv("CALL_FILTER_RECORD");
  const char* own = getenv("CALL_FILTER_OWN");
  const char* allowed = getenv("CALL_FILTER_ALLOW");
  if (record != NULL) record_calls(record);
  if (own != NULL || allowed != NULL) {
    if (getenv("CALL_FILTER_REPORT") != NULL) {
      const struct sigaction action = {.sa_sigaction = report, .sa_flags = SA_SIGINFO};
      sigaction(SIGSYS, &action, NULL);
    }
    if (getenv("CALL_FILTER_COLD") == NULL) free(malloc(1));
    // As libseccomp does: who announces no filter is noticed later.
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (own != NULL) {
      limit_library(own);
      enter();
    }
    if (allowed != NULL) {
      allow_listed(allowed);
      enter();
    }
  }
  return main_of_program(count, arguments, environment);
}

int __libc_start_main(Main* program, int count, char** arguments, void (*init)(void),
                      void (*fini)(void), void (*loader_fini)(void), void* stack_end) {
  int (*const start)(Main*, int, char**, void (*)(void), void (*)(void), void (*)(void), void*) =
      (int (*)(Main*, int, char**, void (*)(void), void (*)(void), void (*)(void), void*))dlsym(
          RTLD_NEXT, "__libc_start_main");
  main_of_program = program;
  return start(main_under_filter, count, arguments, init, fini, loader_fini, stack_end);
}
