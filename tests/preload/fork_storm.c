// Four threads allocate while the process forks; children, and threads of children, allocate too.
// Fork handlers registered before and after the library's allocate as well.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { kForks = 1000 };

static atomic_bool stop;
static void* shared[64];

static void* churn(void* seed_pointer) {
  unsigned seed = (unsigned)(size_t)seed_pointer;
  while (!stop) {
    void* blocks[40];
    for (int index = 0; index < 40; ++index) {
      seed = seed * 1103515245 + 12345;
      const size_t size = (seed >> 16) % (index % 10 == 0 ? 200000 : 2000);
      blocks[index] = malloc(size);
      if (size > 0) *(char*)blocks[index] = 1;
    }
    for (int index = 0; index < 40; ++index) free(blocks[index]);
  }
  return NULL;
}

static void* in_child(void* unused) {
  for (size_t size = 1; size < 200000; size += size / 4 + 1) free(malloc(size));
  return unused;
}

static void handler(void) {
  free(malloc(100));
  free(malloc(100000));
}

static void* kept_by_handler;
static void keep(void) {
  kept_by_handler = realloc(kept_by_handler, 500);
}

int main(void) {
  pthread_atfork(handler, handler, handler);
  pthread_atfork(keep, keep, keep);
  pthread_t threads[4];
  for (size_t index = 0; index < 4; ++index) {
    CHECK(pthread_create(&threads[index], NULL, churn, (void*)(index + 1)) == 0);
  }
  for (int index = 0; index < 64; ++index) shared[index] = malloc(1000);
  int good = 0;
  for (int round = 0; round < kForks; ++round) {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      for (int index = 0; index < 64; ++index) free(shared[index]);
      in_child(NULL);
      if (round % 5 == 0) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, in_child, NULL) != 0) _exit(2);
        pthread_join(thread, NULL);
      }
      if (round % 50 == 0) {
        const pid_t grandchild = fork();
        if (grandchild == 0) {
          in_child(NULL);
          _exit(0);
        }
        int status;
        waitpid(grandchild, &status, 0);
        if (status != 0) _exit(3);
      }
      _exit(0);
    }
    alarm(30);
    int status = -1;
    waitpid(child, &status, 0);
    if (status == 0) ++good;
  }
  stop = 1;
  for (int index = 0; index < 4; ++index) pthread_join(threads[index], NULL);
  fprintf(stderr, "%d of %d\n", good, kForks);
  return good == kForks ? 0 : 1;
}
