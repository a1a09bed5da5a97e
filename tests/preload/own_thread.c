// The library's own thread is nobody's burden: own_thread CASE.
//   last_thread   a process ends when its last thread does, however that comes about
//   namespace     a program that has joined its threads has one, at once
//   descriptors   others find no number of their table taken; children inherit none
//   asleep        what threads keep for themselves comes home while all sleep
//   noticed       so does what was freed just after the thread fell asleep
//   last_round    a destructor that allocates in the last of its rounds leaves no heap behind
//   undisturbed   it sleeps while all that threads free stays in their slabs
//   handler       a signal handler that interrupts malloc may fork
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static void churn(int rounds) {
  for (int round = 0; round < rounds; ++round) {
    void* blocks[200];
    for (int index = 0; index < 200; ++index) memset(blocks[index] = malloc(100000), 1, 100000);
    for (int index = 0; index < 200; ++index) free(blocks[index]);
    usleep(1000);
  }
}

static size_t resident(void) {
  char text[128];
  const int file = open("/proc/self/statm", O_RDONLY);
  const ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  CHECK(length > 0);
  text[length] = '\0';
  return strtoul(strchr(text, ' '), NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

// As ps(1) counts.
static int threads_of_process(void) {
  int count = 0;
  DIR* folder = opendir("/proc/self/task");
  for (struct dirent* entry; (entry = readdir(folder)) != NULL;) count += entry->d_name[0] != '.';
  closedir(folder);
  return count;
}

static void* work(void* unused) {
  churn(5);
  return unused;
}

static void* fork_in_thread(void* unused) {
  churn(30);
  const pid_t child = fork();
  if (child == 0) {
    churn(20);
    return unused;  // the only thread of the child: it ends with status 0
  }
  int status = -1;
  waitpid(child, &status, 0);
  _exit(status == 0 ? 0 : 1);
}

static void* sleep_for_ever(void* unused) {
  churn(60);
  for (;;) usleep(100000);  // as churn does: a recording of its calls knows it
  return unused;
}

enum { kMainLeaves, kChildOfThread, kTerminated, kManyThreads, kForms };

static void end_in_form(int form) {
  pthread_t thread;
  const int count = form == kManyThreads ? 8 : 1;
  void* (*const start)(void*) = form == kChildOfThread ? fork_in_thread
                                : form == kTerminated  ? sleep_for_ever
                                                       : work;
  for (int index = 0; index < count; ++index) pthread_create(&thread, NULL, start, NULL);
  if (form == kChildOfThread) pthread_join(thread, NULL);
  if (form == kTerminated) {
    usleep(300000);
    kill(getpid(), SIGTERM);
  }
  pthread_exit(NULL);
}

static int last_thread(void) {
  for (int form = 0; form < kForms; ++form) {
    const pid_t child = fork();
    if (child == 0) end_in_form(form);
    int status = -1;
    pid_t ended = 0;
    for (int tenth = 0; tenth < 100 && ended == 0; ++tenth) {
      usleep(100000);
      ended = waitpid(child, &status, WNOHANG);
    }
    if (ended == 0) kill(child, SIGKILL);
    CHECK(ended == child);
    CHECK(form == kTerminated ? WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM : status == 0);
  }
  return 0;
}

// libc's join returns a moment before the kernel has let go of the thread; on a busy machine that
// is some while.
static void wait_until_alone(void) {
  for (int look = 0; look < 500 && threads_of_process() != 1; ++look) usleep(10000);
  CHECK(threads_of_process() == 1);
}

static int namespace(void) {
  const pid_t child = fork();
  if (child == 0) _exit(unshare(CLONE_NEWUSER) == 0 ? 0 : 1);
  int status = -1;
  waitpid(child, &status, 0);
  if (status != 0) return skipped("no user namespaces here");
  for (int round = 0; round < 5; ++round) {
    pthread_t threads[4];
    for (int index = 0; index < 4; ++index) pthread_create(&threads[index], NULL, work, NULL);
    for (int index = 0; index < 4; ++index) pthread_join(threads[index], NULL);
    wait_until_alone();
    churn(20);
    CHECK(threads_of_process() == 1);
  }
  CHECK(unshare(CLONE_NEWUSER) == 0);
  return 0;
}

static int open_numbers(void) {
  int count = 0;
  for (int number = 0; number < 100; ++number) count += fcntl(number, F_GETFD) != -1;
  return count;
}

static void* churn_for_ever(void* unused) {
  for (;;) churn(10);
  return unused;
}

static int descriptors(void) {
  close(0);
  CHECK(open("/dev/null", O_RDONLY) == 0);
  const int least = open_numbers();
  for (int index = 0; index < 2; ++index) {
    pthread_t thread;
    pthread_create(&thread, NULL, churn_for_ever, NULL);
  }
  usleep(500000);
  const time_t end = time(NULL) + 4;
  while (time(NULL) < end) {
    for (int count = 0; count < 1000; ++count) {
      close(0);
      CHECK(open("/dev/null", O_RDONLY) == 0);
    }
    const pid_t child = fork();
    if (child == 0) _exit(open_numbers() > least ? 1 : 0);
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(status == 0);
  }
  _exit(0);
}

static pthread_barrier_t barrier;

static void* hold_and_free(void* unused) {
  enum { kBytes = 4000000 };
  for (;;) {
    pthread_barrier_wait(&barrier);
    char* block = malloc(kBytes);
    memset(block, 1, kBytes);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    free(block);
  }
  return unused;
}

static int asleep(void) {
  enum { kThreads = 16 };
  pthread_barrier_init(&barrier, NULL, kThreads + 1);
  for (int index = 0; index < kThreads; ++index) {
    pthread_t thread;
    pthread_create(&thread, NULL, hold_and_free, NULL);
  }
  for (int round = 0; round < 2; ++round) {
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    const size_t peak = resident();
    sleep(2);
    pthread_barrier_wait(&barrier);
    sleep(4);
    CHECK(resident() < peak / 4);
  }
  _exit(0);
}

static void* free_soon(void* unused) {
  enum { kBlocks = 3, kBytes = 6 << 20 };
  char* blocks[kBlocks];
  for (int round = 0; round < 3; ++round) {
    for (int index = 0; index < kBlocks; ++index) memset(blocks[index] = malloc(kBytes), 1, kBytes);
    usleep(2000);
    const size_t peak = resident();
    for (int index = 0; index < kBlocks; ++index) free(blocks[index]);
    sleep(3);
    CHECK(resident() < peak / 4);
  }
  return unused;
}

static int noticed(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, free_soon, NULL);
  pthread_join(thread, NULL);
  return 0;
}

// How often the library's thread has slept; -1: there is none.
static long sleeps_of_own_thread(void) {
  DIR* folder = opendir("/proc/self/task");
  long sleeps = -1;
  for (struct dirent* entry; (entry = readdir(folder)) != NULL;) {
    char path[300];
    char line[256];
    int own = 0;
    snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
    FILE* file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
      own = own || strcmp(line, "Name:\thakmem-purge\n") == 0;
      if (own) sscanf(line, "voluntary_ctxt_switches: %ld", &sleeps);
    }
    if (file != NULL) fclose(file);
  }
  closedir(folder);
  return sleeps;
}

static atomic_int enough, churned;

static void* free_small(void* unused) {
  churn(200);
  ++churned;
  while (!enough) {
    if (unused != NULL) {  // one of them leaves the processor to others
      usleep(1000);
      continue;
    }
    void* volatile block = malloc(32);
    free(block);
  }
  return unused;
}

static int undisturbed(void) {
  enum { kThreads = 2 };
  pthread_t threads[kThreads];
  for (int index = 0; index < kThreads; ++index) {
    pthread_create(&threads[index], NULL, free_small, index == 0 ? NULL : &enough);
  }
  while (churned < kThreads) usleep(10000);
  malloc_trim(0);  // from here on it waits for something to free
  sleep(1);
  const long before = sleeps_of_own_thread();
  CHECK(before >= 0);
  sleep(1);
  const long after = sleeps_of_own_thread();
  enough = 1;
  for (int index = 0; index < kThreads; ++index) pthread_join(threads[index], NULL);
  if (after - before >= 60) fprintf(stderr, "%ld sleeps, then %ld\n", before, after);
  CHECK(after - before < 60);
  return 0;
}

// libc calls the destructor again as long as it sets its key, four times at most.
static pthread_key_t key;

static void allocate_late(void* value) {
  free(malloc(300));
  char* left = malloc(40000);
  memset(left, 1, 40000);
  free(left);
  pthread_setspecific(key, value);
}

static void* end_late(void* unused) {
  pthread_setspecific(key, &key);
  free(malloc(1000));
  return unused;
}

static int last_round(void) {
  CHECK(pthread_key_create(&key, allocate_late) == 0);
  size_t after_some = 0;
  for (int count = 0; count < 4000; ++count) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, end_late, NULL) == 0);
    pthread_join(thread, NULL);
    if (count == 500) after_some = resident();
  }
  CHECK(resident() < after_some + (4 << 20));
  return 0;
}

static volatile sig_atomic_t forks;

static void fork_in_handler(int signal) {
  (void)signal;
  const pid_t child = fork();
  if (child == 0) _exit(0);
  if (child > 0) waitpid(child, NULL, 0);
  ++forks;
}

static int handler(void) {
  struct sigaction action = {.sa_handler = fork_in_handler, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  const struct itimerval often = {{0, 2000}, {0, 2000}};
  setitimer(ITIMER_REAL, &often, NULL);
  unsigned seed = 1;
  char* blocks[64] = {NULL};
  while (forks < 300) {
    seed = seed * 1103515245 + 12345;
    char** block = &blocks[seed >> 16 & 63];
    free(*block);
    const size_t bytes = (size_t)16 << (seed >> 8) % 18;
    *block = malloc(bytes);
    (*block)[bytes - 1] = 1;
  }
  return 0;
}

int main(int count, char** arguments) {
  CHECK(count == 2);
  static const struct {
    const char* name;
    int (*run)(void);
  } cases[] = {{"last_thread", last_thread}, {"namespace", namespace},
               {"descriptors", descriptors}, {"asleep", asleep},
               {"noticed", noticed},         {"last_round", last_round},
               {"handler", handler},         {"undisturbed", undisturbed}};
  for (size_t index = 0; index < sizeof cases / sizeof *cases; ++index) {
    if (strcmp(arguments[1], cases[index].name) == 0) return cases[index].run();
  }
  return 2;
}
