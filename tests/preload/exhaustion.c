// Allocates until the kernel says no, checks ENOMEM, frees, and must be able to allocate again.
// The limit is set by the caller, or here by name.
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "check.h"

static void limit(int resource, size_t bytes) {
  const struct rlimit value = {bytes, bytes};
  CHECK(setrlimit(resource, &value) == 0);
}

// Fills memory with blocks of `size`, at most `most` bytes; returns how many fitted. The blocks are
// linked through their first word, since an array would have to be allocated.
static size_t fill(size_t size, size_t most, int touch, void*** chain) {
  size_t count = 0;
  *chain = NULL;
  while (count * size < most) {
    errno = 0;
    void** block = malloc(size);
    if (block == NULL) {
      CHECK(errno == ENOMEM);
      return count;
    }
    if (touch) memset(block, 1, size);
    *block = *chain;
    *chain = block;
    ++count;
  }
  return count;
}

// Made before memory is short; frees what it is given.
static sem_t given, freed;
static void** to_free;

static void drain(void** chain) {
  while (chain != NULL) {
    void** next = *chain;
    free(chain);
    chain = next;
  }
}

static void* drain_in_thread(void* unused) {
  while (1) {
    sem_wait(&given);
    drain(to_free);
    sem_post(&freed);
  }
  return unused;
}

// The limit falls below what is in use already: free memory that lies in pieces must still serve.
static int lowered(int resource, size_t bytes) {
  enum { kPieces = 64 };
  void* pieces[kPieces];
  void* hole = malloc(20 << 20);
  memset(hole, 1, 20 << 20);
  void* pin = malloc(3 << 20);
  free(hole);
  malloc_trim(0);
  for (int index = 0; index < kPieces; ++index) {
    pieces[index] = malloc(1000 * 1000);
    memset(pieces[index], 1, 1000 * 1000);
  }
  hole = malloc(64 << 20);
  memset(hole, 1, 64 << 20);
  free(hole);
  malloc_trim(0);
  for (int index = 0; index < kPieces; ++index) free(pieces[index]);
  limit(resource, bytes);
  for (size_t size = 8 << 20; size < 60 << 20; size += 6 << 20) {
    void* block = malloc(size);
    if (block != NULL) memset(block, 3, size);
    free(block);
  }
  free(pin);
  return 0;
}

// Four threads with 120 MB live in blocks of 16 to 4,000 bytes, of which each is replaced about
// twenty times: what little lies free must be filled again before more is taken.
enum { kChurners = 4, kLive = 120 * 1000 * 1000 / kChurners, kMostBlocks = kLive / 1000 };

static void* replace_blocks(void* unused) {
  static _Thread_local struct {
    char* block;
    size_t size;
  } live[kMostBlocks];
  uint64_t seed = (uintptr_t)&live;
  size_t count = 0, bytes = 0;
  for (size_t moved = 0; moved < (size_t)20 * kLive;) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    const size_t size = 16 + (seed >> 33) % 3985;
    const size_t at = count == 0 ? 0 : (seed >> 20) % count;
    const int grow = count < kMostBlocks && bytes + size <= kLive;
    if (!grow) {
      bytes -= live[at].size;
      free(live[at].block);
    }
    const size_t place = grow ? count++ : at;
    live[place].block = malloc(size);
    CHECK(live[place].block != NULL);
    memset(live[place].block, 1, size);
    live[place].size = size;
    bytes += size;
    moved += size;
  }
  return unused;
}

static int churn(void) {
  pthread_t threads[kChurners];
  for (int index = 0; index < kChurners; ++index) {
    CHECK(pthread_create(&threads[index], NULL, replace_blocks, NULL) == 0);
  }
  for (int index = 0; index < kChurners; ++index) pthread_join(threads[index], NULL);
  return 0;
}

int main(int argc, char** argv) {
  CHECK(argc == 2);
  const char* name = argv[1];
  pthread_t thread;
  CHECK(sem_init(&given, 0, 0) == 0 && sem_init(&freed, 0, 0) == 0);
  CHECK(pthread_create(&thread, NULL, drain_in_thread, NULL) == 0);
  size_t most = (size_t)2 << 30;
  int touch = 0;
  int must_fail = 1;
  if (strcmp(name, "lowered-address-space") == 0) return lowered(RLIMIT_AS, 64 << 20);
  if (strcmp(name, "lowered-data") == 0) return lowered(RLIMIT_DATA, 8 << 20);
  if (strcmp(name, "churn") == 0) return churn();
  if (strcmp(name, "address-space") == 0) {
    limit(RLIMIT_AS, 256 << 20);
  } else if (strcmp(name, "address-space-tight") == 0) {
    limit(RLIMIT_AS, 64 << 20);
  } else if (strcmp(name, "data") == 0) {
    limit(RLIMIT_DATA, 160 << 20);
  } else if (strcmp(name, "mlockall") == 0) {
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) return 77;
    must_fail = 0;
    most = 64 << 20;
  } else if (strcmp(name, "caller") == 0) {
    touch = 1;
  } else if (strcmp(name, "cgroup") == 0) {
    // The kernel does not refuse, it kills: what is freed must serve the next size.
    touch = 1;
    must_fail = 0;
    most = 64 << 20;
  } else if (strcmp(name, "strict-overcommit") == 0) {
    most = (size_t)64 << 30;
  } else {
    return 2;
  }
  // Three rounds with sizes of every path: what was freed must be good for the next.
  const size_t sizes[] = {100000, 1000, 3 << 20, 20000, 64};
  size_t first_round[sizeof sizes / sizeof *sizes];
  for (int round = 0; round < 3; ++round) {
    for (size_t index = 0; index < sizeof sizes / sizeof *sizes; ++index) {
      void** chain;
      // Filling tens of gigabytes with small blocks would touch them all.
      const int bounded = strcmp(name, "strict-overcommit") == 0 && sizes[index] < 3 << 20;
      const size_t count = fill(sizes[index], bounded ? (size_t)64 << 20 : most, touch, &chain);
      if (must_fail && !bounded) CHECK(count * sizes[index] < most);
      if (round == 0) first_round[index] = count;
      CHECK(count * 10 >= first_round[index] * 9);
      CHECK(count > 0);
      // Exhausted: small requests may still fit, nothing may crash.
      errno = 0;
      if (must_fail && !bounded) {
        CHECK(calloc(1, (size_t)1 << 40) == NULL && errno == ENOMEM);
        void* kept = malloc(10);
        if (kept != NULL) CHECK(realloc(kept, (size_t)1 << 40) == NULL && errno == ENOMEM);
        free(kept);
      }
      // In the first round another thread frees it all, and has no memory either.
      if (round == 0) {
        to_free = chain;
        sem_post(&given);
        sem_wait(&freed);
      } else {
        drain(chain);
      }
    }
  }
  void* block = malloc(10 << 20);
  CHECK(block != NULL);
  memset(block, 1, 10 << 20);
  free(block);
  return 0;
}
