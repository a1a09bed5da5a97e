// A filter that kills, entered while the library is at work: entered CASE.
//   start     by the only thread of a program that has allocated
//   first     by a program that has not
//   threads   by one of several threads that exist already; ours has no filter
//   child     by the child of a fork of a program with threads
//   together  for all threads at once (SECCOMP_FILTER_FLAG_TSYNC), while ours is purging
//   later     by a program that starts its threads afterwards: none of ours may start
//   unannounced  the same by a program that may enter a filter without no_new_privs
// Allowed is what libc's malloc asks for, and what the program does afterwards: sleep and end; the
// last two start threads as well.
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../preload/check.h"

enum { kSkipped = 77, kBlocks = 256 };

// getrandom: once, by libc's own malloc.
static const unsigned allocating[] = {
    SYS_mmap,          SYS_munmap,          SYS_mprotect,  SYS_mremap,     SYS_madvise,
    SYS_brk,           SYS_futex,           SYS_getrandom, SYS_write,      SYS_exit,
    SYS_clock_gettime, SYS_clock_nanosleep, SYS_nanosleep, SYS_exit_group, SYS_rt_sigprocmask};
static const unsigned starting_threads[] = {SYS_clone,           SYS_clone3, SYS_rt_sigaction,
                                            SYS_set_robust_list, SYS_rseq,   SYS_sched_getaffinity};

static unsigned add(struct sock_filter* code, unsigned length, const unsigned* calls,
                    size_t count) {
  for (size_t index = 0; index < count; ++index) {
    code[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[index], 0, 1);
    code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  }
  return length;
}

static void enter_filter(unsigned flags, int may_start_threads) {
  static struct sock_filter code[80];
  code[0] =
      (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  unsigned length = add(code, 1, allocating, sizeof allocating / sizeof allocating[0]);
  if (may_start_threads) {
    length =
        add(code, length, starting_threads, sizeof starting_threads / sizeof starting_threads[0]);
  }
  code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  const struct sock_fprog program = {.len = (unsigned short)length, .filter = code};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) != 0)
    _exit(skipped("no filters here"));
}

static void enter(unsigned flags, int may_start_threads) {
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  enter_filter(flags, may_start_threads);
}

static void rest(long milliseconds) {
  nanosleep(&(struct timespec){milliseconds / 1000, milliseconds % 1000 * 1000000}, NULL);
}

// Sizes of all ways: slabs, extents, blocks with a mapping of their own; kept, resized, trimmed.
static void churn(int rounds, uint64_t seed) {
  char* blocks[kBlocks] = {NULL};
  for (int round = 0; round < rounds; ++round) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    const unsigned number = seed >> 33;
    const size_t bytes = 1 + (number >> 5) % (1U << (4 + number % 16));
    char** block = &blocks[(seed >> 20) % kBlocks];
    if (number % 4 == 0) {
      *block = realloc(*block, bytes);
    } else {
      free(*block);
      *block = number % 16 == 1 ? calloc(1, bytes) : malloc(bytes);
    }
    CHECK(*block != NULL);
    memset(*block, 1, bytes);
    if (round % 500 == 499) {
      rest(20);
      malloc_trim(0);
    }
  }
  for (int index = 0; index < kBlocks; ++index) free(blocks[index]);
}

// Growth into huge pages, and the time that ticks, purges and collapses take.
static void work_hard(void) {
  enum { kLarge = 80 << 20 };
  churn(2000, 1);
  char* large = malloc(kLarge);
  CHECK(large != NULL);
  memset(large, 1, kLarge);
  for (int step = 0; step < 12; ++step) {
    rest(100);
    churn(100, (uint64_t)step);
  }
  free(large);
  for (int step = 0; step < 10; ++step) {
    rest(50);
    churn(100, (uint64_t)step);
  }
  void* grown = malloc(20 << 20);
  grown = realloc(grown, 40 << 20);
  CHECK(grown != NULL);
  free(grown);
  CHECK(malloc_usable_size(NULL) == 0);
}

static atomic_int go_on;
static atomic_int working;

static void* work_in_thread(void* seed) {
  churn(300, (uint64_t)(uintptr_t)seed);
  atomic_fetch_add(&working, 1);
  while (!go_on) {
    churn(100, (uint64_t)(uintptr_t)seed);
    rest(2);
  }
  churn(2000, (uint64_t)(uintptr_t)seed);
  return NULL;
}

enum { kThreads = 2 };
static pthread_t threads[kThreads];

static void start_threads(void) {
  for (int index = 0; index < kThreads; ++index) {
    CHECK(pthread_create(&threads[index], NULL, work_in_thread, (void*)(uintptr_t)(index + 1)) ==
          0);
  }
}

static void start_and_let_work(void) {
  start_threads();
  while (working < kThreads) rest(1);
  churn(2000, 7);
  rest(150);
}

static void* allocate_once(void* unused) {
  free(malloc(1));
  return unused;
}

// libc's malloc counts the processors for its second thread.
static void start_one_for_libc(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, allocate_once, NULL);
  pthread_join(thread, NULL);
}

static void join_threads(void) {
  go_on = 1;
  for (int index = 0; index < kThreads; ++index) pthread_join(threads[index], NULL);
}

static void in_child(void) {
  start_and_let_work();
  const pid_t child = fork();
  if (child == 0) {
    enter(0, 0);
    work_hard();
    _exit(0);
  }
  join_threads();
  int status = -1;
  waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == kSkipped) _exit(kSkipped);
  CHECK(status == 0);
}

int main(int count, char** arguments) {
  const char* name = count > 1 ? arguments[1] : "";
  if (strcmp(name, "start") == 0) {
    churn(1000, 3);
    enter(0, 0);
    work_hard();
  } else if (strcmp(name, "first") == 0) {
    enter(0, 0);
    work_hard();
  } else if (strcmp(name, "threads") == 0) {
    start_and_let_work();
    enter(0, 0);
    work_hard();
    join_threads();
  } else if (strcmp(name, "child") == 0) {
    in_child();
  } else if (strcmp(name, "together") == 0) {
    start_and_let_work();
    enter(SECCOMP_FILTER_FLAG_TSYNC, 0);
    work_hard();
    join_threads();
  } else if (strcmp(name, "later") == 0) {
    start_one_for_libc();
    churn(1000, 3);
    enter(0, 1);
    start_threads();
    work_hard();
    join_threads();
  } else if (strcmp(name, "unannounced") == 0) {
    start_one_for_libc();
    churn(1000, 3);
    enter_filter(0, 1);
    start_threads();
    work_hard();
    join_threads();
  } else {
    return 2;
  }
  // exit() flushes, and what it finds in stdio asks for more than this list has.
  _exit(0);
}
