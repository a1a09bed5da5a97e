// Threads fill and empty every kind of memory, come and go, and free what others allocated, while
// the process forks: fork_storm [CHILDREN]. Each child uses all of it, some with threads of their
// own, which take over what lost threads owned. Blocks are checked by tags at their ends. Fork
// handlers registered before and after the library's allocate as well.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { kShared = 256, kMine = 64, kDefaultChildren = 250 };

typedef struct {
  size_t bytes;
  uint64_t tag;
} Head;

static _Atomic(Head*) shared[kShared];
static void* (*arena_create)(void);
static void* (*arena_allocate)(void*, size_t, size_t);
static void (*arena_free)(void*, void*);
static void (*arena_reset)(void*);
static void (*arena_destroy)(void*);

static uint64_t next(uint64_t* seed) {
  *seed ^= *seed << 13;
  *seed ^= *seed >> 7;
  *seed ^= *seed << 17;
  return *seed;
}

static void mark(Head* block, size_t bytes) {
  block->bytes = bytes;
  block->tag = bytes ^ 0x5bd1e995u;
  ((char*)block)[bytes - 1] = (char)0xa5;
}

static void check(const Head* block) {
  CHECK(block->tag == (block->bytes ^ 0x5bd1e995u));
  CHECK(((const char*)block)[block->bytes - 1] == (char)0xa5);
}

static Head* take(size_t bytes) {
  if (bytes <= sizeof(Head)) bytes = sizeof(Head) + 1;
  Head* block = malloc(bytes);
  CHECK(block != NULL && malloc_usable_size(block) >= bytes);
  mark(block, bytes);
  return block;
}

static void drop(Head* block) {
  if (block == NULL) return;
  check(block);
  free(block);
}

// Of every size class, most of them small.
static size_t any_size(uint64_t random) {
  return 17 + random % ((size_t)16 << random / 64 % 12);
}

static void fill_and_empty_slabs(uint64_t* seed) {
  static __thread Head* blocks[2000];
  const size_t size = 16 + next(seed) % 4000;
  int count = (int)(65536 / size * 3 + 1);
  if (count > 2000) count = 2000;
  for (int index = 0; index < count; ++index) blocks[index] = take(size);
  for (int index = 0; index < count; ++index) drop(blocks[index]);
}

static void churn_extents(uint64_t* seed) {
  static __thread Head* blocks[4];
  for (int step = 0; step < 50; ++step) {
    Head** block = &blocks[next(seed) % 4];
    drop(*block);
    *block = take((2 + next(seed) % 62) * 65536 - 5000);
  }
}

// Past what moves with its page tables.
static void grow_large(uint64_t* seed) {
  size_t bytes = 1 << 20;
  Head* block = take(bytes);
  while (bytes < (size_t)24 << 20) {
    bytes = bytes * 2 + next(seed) % 100000;
    block = realloc(block, bytes);
    CHECK(block != NULL && block->tag == (block->bytes ^ 0x5bd1e995u));
    mark(block, bytes);
  }
  drop(block);
}

static void exchange_with_others(uint64_t* seed) {
  for (int step = 0; step < 200; ++step) {
    Head* mine = take(any_size(next(seed)));
    drop(atomic_exchange(&shared[next(seed) % kShared], mine));
  }
}

static void use_arena(uint64_t* seed) {
  if (arena_create == NULL) return;
  void* arena = arena_create();
  CHECK(arena != NULL);
  for (int round = 0; round < 3; ++round) {
    void* kept = NULL;
    for (int step = 0; step < 300; ++step) {
      void* block = arena_allocate(arena, any_size(next(seed)), 16);
      CHECK(block != NULL);
      memset(block, 1, 16);
      if (kept != NULL) arena_free(arena, kept);
      kept = step % 3 == 0 ? block : NULL;
    }
    arena_reset(arena);
  }
  arena_destroy(arena);
}

static void* live_shortly(void* number) {
  uint64_t seed = (uint64_t)(uintptr_t)number * 7919 + 1;
  exchange_with_others(&seed);
  fill_and_empty_slabs(&seed);
  return NULL;
}

static void make_threads(uint64_t* seed) {
  pthread_t threads[2];
  int made = 0;
  for (; made < 2; ++made) {
    const uintptr_t number = (uintptr_t)(next(seed) | 1);
    if (pthread_create(&threads[made], NULL, live_shortly, (void*)number) != 0) break;
  }
  while (made > 0) pthread_join(threads[--made], NULL);
}

static void (*const kinds[])(uint64_t*) = {
    fill_and_empty_slabs, churn_extents, exchange_with_others, make_threads, use_arena, grow_large};
enum { kKinds = sizeof kinds / sizeof *kinds };

// Where there are two processors, the thread that forks and its children have one for themselves.
static void run_on(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  sched_setaffinity(0, sizeof set, &set);
}

static void* churn(void* number) {
  run_on(1);
  uint64_t seed = ((uint64_t)(uintptr_t)number + 1) * 88172645463325252u;
  for (;;) kinds[(uintptr_t)number % kKinds](&seed);
  return NULL;
}

static Head* mine[kMine];

static void* in_child(void* number) {
  uint64_t seed = (uint64_t)(uintptr_t)number * 104729 + 3;
  for (size_t size = 17; size < 300000; size += size / 4 + 1) drop(take(size));
  for (int index = 0; index < 32; ++index) {
    drop(atomic_exchange(&shared[next(&seed) % kShared], NULL));
  }
  fill_and_empty_slabs(&seed);
  churn_extents(&seed);
  return NULL;
}

static void live_as_child(uintptr_t number) {
  alarm(60);
  for (int index = 0; index < kMine; ++index) drop(mine[index]);
  uint64_t seed = number * 31 + 7;
  in_child((void*)number);
  if (number % 8 == 1) use_arena(&seed);
  if (number % 16 != 0) return;
  pthread_t threads[6];
  for (uintptr_t index = 0; index < 6; ++index) {
    CHECK(pthread_create(&threads[index], NULL, in_child, (void*)(number + index)) == 0);
  }
  for (int index = 0; index < 6; ++index) pthread_join(threads[index], NULL);
}

static void handler(void) {
  free(malloc(100));
  free(malloc(100000));
}

static void* kept_by_handler;
static void keep(void) {
  kept_by_handler = realloc(kept_by_handler, 500);
}

int main(int count, char** arguments) {
  const int children = count > 1 ? atoi(arguments[1]) : kDefaultChildren;
  arena_create = dlsym(RTLD_DEFAULT, "hakmem_arena_create");
  arena_allocate = dlsym(RTLD_DEFAULT, "hakmem_arena_allocate");
  arena_free = dlsym(RTLD_DEFAULT, "hakmem_arena_free");
  arena_reset = dlsym(RTLD_DEFAULT, "hakmem_arena_reset");
  arena_destroy = dlsym(RTLD_DEFAULT, "hakmem_arena_destroy");
  pthread_atfork(handler, handler, handler);
  pthread_atfork(keep, keep, keep);
  for (int index = 0; index < kMine; ++index) mine[index] = take(1000);
  for (uintptr_t index = 0; index < kKinds; ++index) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, churn, (void*)index) == 0);
  }
  run_on(0);
  int good = 0;
  for (int round = 0; round < children; ++round) {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      live_as_child((uintptr_t)round);
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
    int status = -1;
    waitpid(child, &status, 0);
    if (status == 0) {
      ++good;
    } else {
      fprintf(stderr, "child %d ended with status %#x\n", round, (unsigned)status);
    }
  }
  fprintf(stderr, "%d of %d\n", good, children);
  _exit(good == children ? 0 : 1);
}
