// Owns: the supervisor of a recorded program, seccomp_unotify(2).
// Called by: see call_recorder.h.
// Never: see call_recorder.h.
#define _GNU_SOURCE
#include "call_recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kMostNumbers = 1024 };
enum { kNothing = -1, kRefused = -2, kTaken = -3 };

static void pause_a_moment(void) {
  nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

// Until the last process that is recorded has ended.
static void supervise(int listener, const char* path) {
  static char seen[kMostNumbers];
  for (;;) {
    struct pollfd wanted = {.fd = listener, .events = POLLIN};
    if (poll(&wanted, 1, -1) < 0 || (wanted.revents & POLLIN) == 0) return;
    struct seccomp_notif call;
    memset(&call, 0, sizeof call);
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) continue;
    if (call.data.nr >= 0 && call.data.nr < kMostNumbers && !seen[call.data.nr]) {
      seen[call.data.nr] = 1;
      const int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
      dprintf(file, "%d\n", call.data.nr);
      close(file);
    }
    struct seccomp_notif_resp answer = {.id = call.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
  }
}

static void supervisor(pid_t program, atomic_int* listener, const char* path) {
  setsid();
  close_range(0, ~0U, 0);
  const int process = (int)syscall(SYS_pidfd_open, program, 0);
  while (*listener == kNothing) pause_a_moment();
  if (*listener == kRefused) return;
  const int mine = (int)syscall(SYS_pidfd_getfd, process, *listener, 0);
  *listener = kTaken;
  supervise(mine, path);
}

static int install(void) {
  static const int left_out[] = {SYS_mmap,           SYS_munmap,          SYS_mprotect,
                                 SYS_mremap,         SYS_madvise,         SYS_brk,
                                 SYS_futex,          SYS_clock_gettime,   SYS_clock_nanosleep,
                                 SYS_nanosleep,      SYS_restart_syscall, SYS_write,
                                 SYS_exit,           SYS_exit_group,      SYS_rt_sigaction,
                                 SYS_rt_sigprocmask, SYS_rt_sigreturn,    SYS_seccomp};
  enum { kLeftOut = sizeof left_out / sizeof left_out[0] };
  struct sock_filter code[kLeftOut + 3];
  unsigned length = 0;
  code[length++] =
      (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (unsigned index = 0; index < kLeftOut; ++index) {
    code[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
                                                  (unsigned)left_out[index], kLeftOut - index, 0);
  }
  code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
  code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  const struct sock_fprog program = {.len = (unsigned short)length, .filter = code};
  const unsigned flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
  // So that signals interrupt no call that would not be interrupted otherwise. Linux 5.19.
  const long listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &program);
  if (listener >= 0 || errno != EINVAL) return (int)listener;
  return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

void record_calls(const char* path) {
  static const char* const kRecorded = "CALL_FILTER_RECORDED";
  if (getenv(kRecorded) != NULL) return;  // with its parent
  setenv(kRecorded, "1", 1);
  atomic_int* listener =
      mmap(NULL, sizeof *listener, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (listener == MAP_FAILED) return;
  *listener = kNothing;
  const pid_t program = getpid();
  const pid_t child = fork();
  if (child == 0) {
    if (fork() == 0) supervisor(program, listener, path);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  if (geteuid() != 0) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const int installed = install();
  *listener = installed < 0 ? kRefused : installed;
  while (installed >= 0 && *listener != kTaken) pause_a_moment();
  if (installed >= 0) close(installed);
  munmap(listener, sizeof *listener);
  if (installed < 0) {
    dprintf(2, "call_recorder: no filter here\n");
    _exit(126);
  }
}
