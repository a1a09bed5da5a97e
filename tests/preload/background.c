// Memory that a sleeping program does not need goes back, and nobody notices but the kernel.
//   background idle CALL           sleeps in CALL; its memory is gone when it wakes
//   background awake               the same, after a few small allocations more
//   background daemon              the same in a child of fork
//   background ring                77 where the kernel has no ring for us
//   background killed              purges under a filter that kills at what is our thread's to call
//   background confined HOW        purges through a ring, then gives up rights; HOW = filter,
//   thread,
//                                  process: a filter that kills at io_uring, another user for this
//                                  thread, for all threads
//   background refuse ERROR WHAT   process_madvise and io_uring_setup answer ERROR, for WHAT =
//                                  nothing madvise as well; contents stay right, and a sleeping
//                                  program's memory goes back all the same
//   background child KIND          fork, _Fork or clone while memory waits to be purged
//   background descriptors         closes what it did not open and takes the numbers for its own
//   background unshare             one thread, a new user namespace
//   background limit               lives at 0.8 of HAKMEM_LIMIT and churns beside it
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

enum { kBlocks = 400, kSlept = 3000 /* milliseconds */ };

static unsigned char* blocks[kBlocks];
static size_t sizes[kBlocks];

static size_t resident(void) {
  char text[128];
  int file = open("/proc/self/statm", O_RDONLY);
  CHECK(file >= 0);
  ssize_t length = read(file, text, sizeof text - 1);
  CHECK(length > 0);
  close(file);
  text[length] = '\0';
  return strtoul(strchr(text, ' '), NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

static size_t size_of(int index) {
  return ((size_t)48 << 10) + (size_t)index * 7919 % ((size_t)1 << 20);
}

static void fill(int index) {
  sizes[index] = size_of(index);
  blocks[index] = malloc(sizes[index]);
  CHECK(blocks[index] != NULL);
  memset(blocks[index], index % 251 + 1, sizes[index]);
}

static void check_block(int index) {
  for (size_t at = 0; at < sizes[index]; at += 509) CHECK(blocks[index][at] == index % 251 + 1);
  CHECK(blocks[index][sizes[index] - 1] == index % 251 + 1);
}

static void fill_all(void) {
  for (int index = 0; index < kBlocks; ++index) fill(index);
}

static void free_every(int step) {
  for (int index = 0; index < kBlocks; index += step) {
    if (blocks[index] == NULL) continue;
    check_block(index);
    free(blocks[index]);
    blocks[index] = NULL;
  }
}

static void check_all(void) {
  for (int index = 0; index < kBlocks; ++index) {
    if (blocks[index] != NULL) check_block(index);
  }
}

static void* nothing(void* argument) {
  return argument;
}

static void have_had_a_thread(void) {
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, nothing, NULL) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
}

// A process that writes a byte `milliseconds` after it was sent one, through a pair of sockets; our
// end of them.
static int byte_after(int milliseconds) {
  int ends[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    char byte;
    if (read(ends[1], &byte, 1) != 1) _exit(1);
    poll(NULL, 0, milliseconds);
    _exit(write(ends[1], "x", 1) == 1 ? 0 : 1);
  }
  close(ends[1]);
  return ends[0];
}

// Sleeps for kSlept; whether the call ended as it does without us.
static int sleep_in(const char* call, int end) {
  const struct timespec span = {kSlept / 1000, 0};
  if (strcmp(call, "epoll_wait") == 0) {
    struct epoll_event event;
    return epoll_wait(epoll_create1(0), &event, 1, kSlept) == 0;
  }
  if (strcmp(call, "poll") == 0) return poll(NULL, 0, kSlept) == 0;
  if (strcmp(call, "nanosleep") == 0) return nanosleep(&span, NULL) == 0;
  if (strcmp(call, "futex") == 0) {
    uint32_t word = 0;
    return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &span, NULL, 0) == -1 &&
           errno == ETIMEDOUT;
  }
  char byte;
  return write(end, "x", 1) == 1 && read(end, &byte, 1) == 1;
}

static int idle(const char* call) {
  have_had_a_thread();
  int end = strcmp(call, "read") == 0 ? byte_after(kSlept) : -1;
  fill_all();
  size_t peak = resident();
  free_every(1);
  CHECK(sleep_in(call, end));
  size_t left = resident();
  printf("%s: peak %zu KiB, %zu KiB after the sleep\n", call, peak >> 10, left >> 10);
  CHECK(left <= peak / 20);
  // What comes back is memory like any other.
  fill_all();
  check_all();
  free_every(1);
  return 0;
}

// What is small is served beside the free memory, and says nothing about it.
static int awake(void) {
  static void* kept[64];
  fill_all();
  size_t peak = resident();
  free_every(1);
  for (size_t index = 0; index < 64; ++index) {
    kept[index] = malloc(1 + index * 16);
    CHECK(kept[index] != NULL);
  }
  CHECK(poll(NULL, 0, kSlept) == 0);
  size_t left = resident();
  printf("awake: peak %zu KiB, %zu KiB after the sleep\n", peak >> 10, left >> 10);
  CHECK(left <= peak / 20);
  for (size_t index = 0; index < 64; ++index) free(kept[index]);
  return 0;
}

// As src/backend/uring asks for it.
static int ring(void) {
  uint32_t parameters[30] = {0, 0, (1u << 6) | (1u << 12)};  // disabled at first, one issuer
  return syscall(SYS_io_uring_setup, 64, parameters) >= 0 ? 0 : 77;
}

static int has_in(const char* path, const char* text) {
  char contents[1 << 16];
  int file = open(path, O_RDONLY);
  if (file < 0) return 0;
  int found = 0;
  size_t kept = 0;
  ssize_t length;
  while ((length = read(file, contents + kept, sizeof contents - 1 - kept)) > 0) {
    contents[kept + (size_t)length] = '\0';
    found = found || strstr(contents, text) != NULL;
    kept = kept + (size_t)length < 32 ? kept + (size_t)length : 32;
    memmove(contents, contents + strlen(contents) - kept, kept);
  }
  close(file);
  return found;
}

// A thread of the kernel's that works for a ring of this process.
static int has_worker(void) {
  int found = 0;
  DIR* tasks = opendir("/proc/self/task");
  CHECK(tasks != NULL);
  for (struct dirent* task; (task = readdir(tasks)) != NULL;) {
    char path[300];
    snprintf(path, sizeof path, "/proc/self/task/%s/comm", task->d_name);
    found = found || has_in(path, "iou-");
  }
  closedir(tasks);
  return found;
}

static int has_descriptor_of_ring(void) {
  for (int number = 0; number < 1024; ++number) {
    char path[64];
    char target[64] = "";
    snprintf(path, sizeof path, "/proc/self/fd/%d", number);
    if (readlink(path, target, sizeof target - 1) > 0 && strstr(target, "io_uring") != NULL)
      return 1;
  }
  return 0;
}

// Frees until a ring has been at work, or, where it must not be, until none is left.
static int churn_until_worker(int wanted) {
  for (int round = 0; round < 1000; ++round) {
    if (has_worker() == wanted) return 1;
    fill_all();
    free_every(1);
    CHECK(!has_descriptor_of_ring());
    poll(NULL, 0, 20);
  }
  return 0;
}

// Not by libc's functions, of which the library would hear.
static void kill_at_guests(void) {
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 440 /* process_madvise */, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, SYS_io_uring_setup, 0, 2),
      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, SYS_io_uring_register, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
  CHECK(syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  CHECK(syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static int killed(void) {
  fill_all();
  free_every(1);
  kill_at_guests();
  for (int round = 0; round < 3; ++round) {
    fill_all();
    free_every(1);
    malloc_trim(0);
  }
  return 0;
}

static int confined(const char* how) {
  if (strcmp(how, "filter") != 0 && getuid() != 0) return 77;
  CHECK(churn_until_worker(1));
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) _exit(has_descriptor_of_ring() || has_in("/proc/self/maps", "[io_uring]"));
  int status;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  if (strcmp(how, "filter") == 0) {
    kill_at_guests();
  } else if (strcmp(how, "thread") == 0) {
    CHECK(syscall(SYS_setresuid, 65534, 65534, 65534) == 0);
  } else {
    CHECK(setresuid(65534, 65534, 65534) == 0);
    CHECK(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);  // or /proc/self is root's
    // Our thread has the new rights as well, and goes on with a ring that was made with them.
    fill_all();
    free_every(1);
    poll(NULL, 0, kSlept);
    CHECK(!has_in("/proc/self/maps", "[io_uring]"));
    return 0;
  }
  CHECK(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
  CHECK(churn_until_worker(0));
  CHECK(!has_in("/proc/self/maps", "[io_uring]"));
  return 0;
}

static int daemon_idle(void) {
  fill_all();
  free_every(1);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) _exit(idle("poll"));
  int status;
  CHECK(waitpid(child, &status, 0) == child);
  return status == 0 ? 0 : 1;
}

static void refuse(int call, int error, struct sock_filter* filter, int* length) {
  filter[(*length)++] =
      (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1);
  filter[(*length)++] =
      (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error);
}

static int refused(int error, char* what) {
  struct sock_filter filter[16];
  int length = 0;
  filter[length++] =
      (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  refuse(440 /* process_madvise */, error, filter, &length);
  refuse(SYS_io_uring_setup, error, filter, &length);
  int none_is_left = strcmp(what, "nothing") == 0;
  if (none_is_left) refuse(SYS_madvise, error, filter, &length);
  filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  const struct sock_fprog program = {(unsigned short)length, filter};
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
  // Modules are loaded at the start: the filter has to be there by then.
  char* const again[] = {"background", none_is_left ? "churn" : what, "poll", NULL};
  execv("/proc/self/exe", again);
  return 1;
}

static int churn(void) {
  have_had_a_thread();
  size_t peak = 0;
  for (int round = 0; round < 5; ++round) {
    fill_all();
    peak = resident();
    free_every(round % 3 + 2);
    poll(NULL, 0, 100);
    check_all();
    free_every(1);
  }
  poll(NULL, 0, kSlept);
  printf("peak %zu KiB, %zu KiB at the end\n", peak >> 10, resident() >> 10);
  return 0;
}

static void check_fresh_memory(void) {
  for (int index = 0; index < kBlocks; ++index) {
    if (blocks[index] != NULL) continue;
    unsigned char* fresh = calloc(1, size_of(index));
    CHECK(fresh != NULL);
    for (size_t at = 0; at < size_of(index); at += 509) CHECK(fresh[at] == 0);
    memset(fresh, 255, size_of(index));
  }
}

static pid_t make_child(const char* kind) {
  if (strcmp(kind, "fork") == 0) return fork();
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 34)
  if (strcmp(kind, "_Fork") == 0) return _Fork();
#endif
  // No handler runs: what the child may do is little, but what it does must not reach the parent.
  return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static int children(const char* kind) {
  have_had_a_thread();
  for (int round = 0; round < 8; ++round) {
    fill_all();
    free_every(3);
    // Some children come while memory waits, some after it went.
    poll(NULL, 0, round * 60);
    pid_t child = make_child(kind);
    CHECK(child >= 0);
    if (child == 0) {
      check_all();
      // Where a thread of ours was at work a child without handlers may find it in the heap.
      if (strcmp(kind, "fork") == 0) {
        check_fresh_memory();
        free_every(2);
        fill_all();
        check_all();
      }
      _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    check_all();
    free_every(1);
  }
  return 0;
}

static int descriptors(void) {
  have_had_a_thread();
  fill_all();
  free_every(2);
  CHECK(syscall(SYS_close_range, 3u, ~0u, 0u) == 0);
  enum { kOpened = 900 };
  int ours[kOpened];
  for (int index = 0; index < kOpened; ++index) {
    ours[index] = open("/dev/null", O_RDWR);
    CHECK(ours[index] >= 0);
  }
  for (int round = 0; round < 5; ++round) {
    poll(NULL, 0, 300);
    check_all();
    free_every(1);
    fill_all();
    free_every(2);
  }
  for (int index = 0; index < kOpened; ++index) CHECK(fcntl(ours[index], F_GETFL) >= 0);
  check_all();
  return 0;
}

static int unshared(void) {
  fill_all();
  free_every(1);
  poll(NULL, 0, 500);
  if (unshare(CLONE_NEWUSER) == 0) return 0;
  // Forbidden to everybody on some machines: then with EPERM or ENOSPC, not for our threads.
  CHECK(errno != EINVAL);
  return 77;
}

static int limited(void) {
  have_had_a_thread();
  const char* text = getenv("TEST_LIMIT");
  CHECK(text != NULL);
  size_t limit = strtoul(text, NULL, 10);
  size_t live = 0;
  int used = 0;
  for (; used < kBlocks && live < limit / 10 * 8; ++used) {
    fill(used);
    live += sizes[used];
  }
  size_t highest = 0;
  for (int round = 0; round < 20000; ++round) {
    int index = round * 7919 % used;
    check_block(index);
    free(blocks[index]);
    fill(index);
    if (round % 50 == 0 && resident() > highest) highest = resident();
  }
  printf("limit %zu KiB, live %zu KiB, highest %zu KiB\n", limit >> 10, live >> 10, highest >> 10);
  CHECK(highest <= limit);
  return 0;
}

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "";
  if (strcmp(what, "idle") == 0 && argc > 2) return idle(argv[2]);
  if (strcmp(what, "awake") == 0) return awake();
  if (strcmp(what, "ring") == 0) return ring();
  if (strcmp(what, "killed") == 0) return killed();
  if (strcmp(what, "confined") == 0 && argc > 2) return confined(argv[2]);
  if (strcmp(what, "daemon") == 0) return daemon_idle();
  if (strcmp(what, "refuse") == 0 && argc > 3) return refused(atoi(argv[2]), argv[3]);
  if (strcmp(what, "churn") == 0) return churn();
  if (strcmp(what, "child") == 0 && argc > 2) return children(argv[2]);
  if (strcmp(what, "descriptors") == 0) return descriptors();
  if (strcmp(what, "unshare") == 0) return unshared();
  if (strcmp(what, "limit") == 0) return limited();
  fprintf(
      stderr,
      "usage: background "
      "idle|awake|ring|killed|confined|daemon|refuse|churn|child|descriptors|unshare|limit …\n");
  return 2;
}
