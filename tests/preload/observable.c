// Does what programs do with memory, so that the library does all that it ever does.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

enum { kBlocks = 4000 };

static void* slots[kBlocks];
static atomic_flag taken[kBlocks];

static void churn(unsigned seed, int steps) {
  for (int step = 0; step < steps; ++step) {
    const unsigned random = (unsigned)rand_r(&seed);
    const unsigned place = random % kBlocks;
    if (atomic_flag_test_and_set(&taken[place])) continue;
    const size_t size = random % 97 == 0 ? (random % 64 + 1) << 16 : random % 4000 + 1;
    free(slots[place]);
    slots[place] = malloc(size);
    CHECK(slots[place] != NULL);
    memset(slots[place], 1, size);
    atomic_flag_clear(&taken[place]);
  }
}

static void* churn_in_thread(void* seed) {
  for (int round = 0; round < 4; ++round) {
    churn((unsigned)(size_t)seed + (unsigned)round, 2000);
    nanosleep(&(struct timespec){0, 120000000}, NULL);
  }
  return NULL;
}

static void use_large_memory(void) {
  char* block = malloc(200 << 20);
  CHECK(block != NULL);
  memset(block, 1, 200 << 20);
  free(block);
  block = NULL;
  for (size_t size = 1 << 20; size <= 64 << 20; size *= 2) {
    block = realloc(block, size);
    CHECK(block != NULL);
    memset(block, 1, size);
  }
  free(block);
}

static void use_threads(void) {
  pthread_t threads[4];
  for (size_t index = 0; index < 4; ++index) {
    CHECK(pthread_create(&threads[index], NULL, churn_in_thread, (void*)index) == 0);
  }
  for (int index = 0; index < 4; ++index) pthread_join(threads[index], NULL);
}

int main(void) {
  close(-4242);  // tells who watches that the start is over
  churn(1, 8000);
  use_large_memory();
  use_threads();
  churn(2, 8000);
  const pid_t child = fork();
  if (child == 0) {
    churn(3, 1000);
    use_threads();
    _exit(0);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  use_large_memory();
  return 0;
}
