// Threads that hold libc's locks (list of streams, a stream, the name service) while they allocate,
// beside threads that fork: libc's fork takes the same locks. Somebody has to move all the time.
#define _GNU_SOURCE
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static atomic_long moves;
static atomic_long forks;
static char name[] = "/tmp/fork_locks_XXXXXX";

static void* fork_often(void* unused) {
  for (;; ++moves) {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    waitpid(child, NULL, 0);
    ++forks;
  }
  return unused;
}

static void* flush_all(void* unused) {
  for (;; ++moves) fflush(NULL);
  return unused;
}

static void* read_lines(void* unused) {
  FILE* file = fopen(name, "r");
  for (;; ++moves) {
    char* line = NULL;
    size_t bytes = 0;
    rewind(file);
    if (getline(&line, &bytes, file) < 0) abort();
    free(line);
  }
  return unused;
}

static void* open_streams(void* unused) {
  for (;; ++moves) {
    char start[10];
    FILE* file = fopen(name, "r");
    if (file == NULL) continue;
    CHECK(fgets(start, sizeof start, file) != NULL);
    fclose(file);
  }
  return unused;
}

static void* ask_for_names(void* unused) {
  for (;; ++moves) {
    struct passwd entry;
    struct passwd* found;
    char text[4096];
    getpwnam_r("nobody", &entry, text, sizeof text, &found);
  }
  return unused;
}

int main(void) {
  enum { kSeconds = 4 };
  const int file = mkstemp(name);
  const size_t length = 100000;
  char* line = malloc(length);
  memset(line, 'x', length);
  CHECK(write(file, line, length) == (ssize_t)length);
  free(line);
  void* (*const work[])(void*) = {fork_often, fork_often,   fork_often,   read_lines,    read_lines,
                                  read_lines, open_streams, open_streams, ask_for_names, flush_all};
  for (size_t index = 0; index < sizeof work / sizeof *work; ++index) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, work[index], NULL) == 0);
  }
  long last = 0;
  int still = 0;
  for (int tenth = 0; tenth < 10 * kSeconds; ++tenth) {
    usleep(100000);
    still = moves == last ? still + 1 : 0;
    last = moves;
    if (still == 30) break;
  }
  fprintf(stderr, "%ld forks\n", (long)forks);
  unlink(name);
  _exit(still < 30 && forks > 0 ? 0 : 1);
}
