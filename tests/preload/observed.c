// Runs a program and prints what system calls the library makes in it, each once, with the path
// where one is named: "own 257 /proc/self/status". A call is the library's if its instruction lies
// in the library's file. It is made at the "start", later on a thread of the "program", or on the
// library's "own". observed LIBRARY PROGRAM ARGUMENTS…
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

// Where the library's code lies in the process that `thread` is of.
static int is_of_library(pid_t thread, const char* library, uint64_t instruction) {
  char name[64];
  snprintf(name, sizeof name, "/proc/%d/maps", (int)thread);
  FILE* maps = fopen(name, "r");
  if (maps == NULL) return 0;
  static char line[PATH_MAX + 200];
  int found = 0;
  while (!found && fgets(line, sizeof line, maps) != NULL) {
    unsigned long start;
    unsigned long end;
    char path[PATH_MAX] = "";
    if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %s", &start, &end, path) < 2) continue;
    found = instruction >= start && instruction < end && strcmp(path, library) == 0;
  }
  fclose(maps);
  return found;
}

static void read_text(pid_t thread, uint64_t address, char* text, size_t size) {
  struct iovec to = {text, size - 1};
  struct iovec from = {(void*)(uintptr_t)address, size - 1};
  const ssize_t length = process_vm_readv(thread, &to, 1, &from, 1, 0);
  text[length > 0 ? length : 0] = '\0';
}

static int has_begun;

// The library's own threads begin by taking a table of descriptors of their own.
static int is_own(pid_t thread, uint64_t number) {
  enum { kMost = 100, kCloseRange = 436 };
  static pid_t own[kMost];
  for (int index = 0; index < kMost; ++index) {
    const int begins = number == SYS_unshare || number == kCloseRange;
    if (own[index] == 0 && begins) own[index] = thread;
    if (own[index] == thread) return 1;
  }
  return 0;
}

static void print_once(const char* line) {
  enum { kMost = 1000 };
  static char* printed[kMost];
  for (int index = 0; index < kMost; ++index) {
    if (printed[index] != NULL && strcmp(printed[index], line) == 0) return;
    if (printed[index] != NULL) continue;
    printed[index] = strdup(line);
    puts(line);
    return;
  }
}

static void note(pid_t thread, const char* library, const struct __ptrace_syscall_info* call) {
  const uint64_t number = call->entry.nr;
  // The kernel's own, after it was stopped for us.
  if (number == SYS_restart_syscall) return;
  // The program says that it has begun.
  if (number == SYS_close && (int)call->entry.args[0] == -4242) {
    has_begun = 1;
    return;
  }
  if (!is_of_library(thread, library, call->instruction_pointer)) return;
  char path[PATH_MAX] = "";
  const int names_path = number == SYS_openat || number == SYS_readlinkat ||
                         number == SYS_newfstatat || number == SYS_faccessat;
  if (names_path) read_text(thread, call->entry.args[1], path, sizeof path);
  const char* phase = is_own(thread, number) ? "own" : has_begun ? "program" : "start";
  char line[PATH_MAX + 64];
  snprintf(line, sizeof line, "%s %u %s", phase, (unsigned)number, path);
  print_once(line);
}

int main(int argc, char** argv) {
  CHECK(argc >= 3);
  const pid_t child = fork();
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0) _exit(77);
    raise(SIGSTOP);
    setenv("LD_PRELOAD", argv[1], 1);
    // As the command does; nobody listens.
    char name[64];
    snprintf(name, sizeof name, "%d/nobody", (int)getpid());
    setenv("HAKMEM_HANDSHAKE", name, 1);
    execv(argv[2], argv + 2);
    _exit(127);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child);
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
                       PTRACE_O_TRACEVFORK | PTRACE_O_EXITKILL;
  CHECK(ptrace(PTRACE_SETOPTIONS, child, 0, options) == 0);
  CHECK(ptrace(PTRACE_SYSCALL, child, 0, 0) == 0);
  int result = 0;
  for (pid_t thread; (thread = waitpid(-1, &status, __WALL)) > 0;) {
    if (!WIFSTOPPED(status)) {
      if (thread == child) result = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
      continue;
    }
    int signal = WSTOPSIG(status);
    if (signal == (SIGTRAP | 0x80)) {
      struct __ptrace_syscall_info call;
      const long length = ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof call, &call);
      if (length < 0 && errno == EIO) return 77;
      if (length > 0 && call.op == PTRACE_SYSCALL_INFO_ENTRY) note(thread, argv[1], &call);
    }
    const int is_signal = signal != (SIGTRAP | 0x80) && signal != SIGTRAP && signal != SIGSTOP;
    ptrace(PTRACE_SYSCALL, thread, 0, is_signal ? signal : 0);
  }
  fflush(stdout);
  return result;
}
