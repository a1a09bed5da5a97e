// Threads that come, go, are cancelled, allocate in destructors and on tiny stacks.
#define _GNU_SOURCE
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

enum { kMany = 1500, kRounds = 200 };

static pthread_barrier_t barrier;
static pthread_key_t early_key, late_key;
static _Atomic(void*) mailbox[256];

static void* allocate_once(void* unused) {
  void* block = malloc(100);
  CHECK(block != NULL);
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  free(block);
  return unused;
}

static long resident_kib(void) {
  FILE* statm = fopen("/proc/self/statm", "r");
  long pages = 0, resident = 0;
  CHECK(fscanf(statm, "%ld %ld", &pages, &resident) == 2);
  fclose(statm);
  return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void many_threads(void) {
  static pthread_t threads[kMany];
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 64 << 10);
  pthread_barrier_init(&barrier, NULL, kMany + 1);
  const long before = resident_kib();
  for (int index = 0; index < kMany; ++index) {
    CHECK(pthread_create(&threads[index], &attributes, allocate_once, NULL) == 0);
  }
  pthread_barrier_wait(&barrier);
  // The thread's own stack and control block take 8 to 12 KiB of this.
  CHECK((resident_kib() - before) / kMany < 32);
  pthread_barrier_wait(&barrier);
  for (int index = 0; index < kMany; ++index) pthread_join(threads[index], NULL);
  pthread_barrier_destroy(&barrier);
}

static void early_destructor(void* block) {
  free(block);
  free(malloc(40));
}

// Runs after the library's own destructor on some rounds: sets itself again.
static void late_destructor(void* round) {
  free(malloc(70));
  if ((intptr_t)round < 3) pthread_setspecific(late_key, (void*)((intptr_t)round + 1));
}

static void* with_destructors(void* unused) {
  pthread_setspecific(early_key, malloc(300));
  pthread_setspecific(late_key, (void*)1);
  return unused;
}

static void* on_small_stack(void* unused) {
  for (size_t size = 1; size < 3000000; size += size / 2 + 1) {
    char* block = malloc(size);
    block[0] = 1;
    block = realloc(block, size + size / 3);
    free(block);
  }
  return unused;
}

static void* until_cancelled(void* unused) {
  for (;;) {
    free(malloc(5000));
    pthread_testcancel();
  }
  return unused;
}

static void* exchange(void* seed_pointer) {
  unsigned seed = (unsigned)(uintptr_t)seed_pointer;
  for (int step = 0; step < 100000; ++step) {
    seed = seed * 1103515245 + 12345;
    const unsigned place = seed >> 8 & 255;
    const size_t size = 32 + (seed >> 16) % (step % 64 == 0 ? 200000 : 900);
    unsigned char* block = malloc(size);
    block[0] = block[size - 1] = (unsigned char)place;
    *(size_t*)(block + 8) = size;
    unsigned char* old = atomic_exchange(&mailbox[place], block);
    if (old == NULL) continue;
    CHECK(old[0] == place && old[*(size_t*)(old + 8) - 1] == place);
    if (step % 5 == 0) {
      old = realloc(old, 40);
      CHECK(old[0] == place);
    }
    free(old);
  }
  return NULL;
}

static void run(void* (*body)(void*), int count, int rounds, size_t stack) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  if (stack != 0) pthread_attr_setstacksize(&attributes, stack);
  for (int round = 0; round < rounds; ++round) {
    pthread_t threads[8];
    for (int index = 0; index < count; ++index) {
      CHECK(pthread_create(&threads[index], &attributes, body,
                           (void*)(uintptr_t)(round * 31 + index)) == 0);
    }
    for (int index = 0; index < count; ++index) pthread_join(threads[index], NULL);
  }
}

static void cancellation(void) {
  for (int round = 0; round < 50; ++round) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, until_cancelled, NULL) == 0);
    usleep(200);
    pthread_cancel(thread);
    pthread_join(thread, NULL);
    free(malloc(5000));
  }
}

int main(void) {
  // Forty keys: setspecific of a key of 32 or more allocates.
  for (int index = 0; index < 40; ++index) {
    pthread_key_t key;
    pthread_key_create(&key, NULL);
  }
  pthread_key_create(&early_key, early_destructor);
  pthread_key_create(&late_key, late_destructor);
  many_threads();
  run(with_destructors, 4, kRounds, 0);
  run(on_small_stack, 4, 5, PTHREAD_STACK_MIN > 16384 ? (size_t)PTHREAD_STACK_MIN : 16384);
  cancellation();
  run(exchange, 4, 6, 0);
  for (int place = 0; place < 256; ++place) free(atomic_load(&mailbox[place]));
  return 0;
}
