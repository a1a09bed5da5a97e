// Threads that grow, churn and shrink slabs and extents past every threshold of promotion; the
// contents of each block are verified. At its peak the program prints the allocator's statistics
// (malloc_stats, to stderr) and then what of its memory lies on huge pages.
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "check.h"

enum { kThreads = 2, kSmall = 130000, kLarge = 24, kSmallSteps = 150000, kLargeSteps = 600 };

struct Block {
  unsigned char* start;
  size_t size;
  uint64_t seed;
};

struct Worker {
  uint64_t state;
  struct Block small[kSmall];
  struct Block large[kLarge];
};

static struct Worker workers[kThreads] __attribute__((aligned(4096)));
static pthread_barrier_t peak;

static uint64_t next_random(struct Worker* worker) {
  worker->state = worker->state * 6364136223846793005u + 1442695040888963407u;
  return worker->state >> 33;
}

// Every 64 bytes, and in large blocks every 512, a word that no other place of any block has.
static size_t step_of(size_t size) {
  return size > 4096 ? 512 : 64;
}

static void fill(struct Block* block, size_t from) {
  const size_t step = step_of(block->size);
  for (size_t at = (from + step - 1) / step * step; at + 8 <= block->size; at += step) {
    const uint64_t word = block->seed + at;
    memcpy(block->start + at, &word, 8);
  }
}

static void verify(const struct Block* block, size_t size) {
  for (size_t at = 0; at + 8 <= size; at += step_of(block->size)) {
    uint64_t word;
    memcpy(&word, block->start + at, 8);
    CHECK(word == block->seed + at);
  }
}

static void verify_zeros(const struct Block* block) {
  for (size_t at = 0; at + 8 <= block->size; at += step_of(block->size)) {
    CHECK(*(const uint64_t*)(block->start + at) == 0);
  }
}

static void make(struct Worker* worker, struct Block* block, size_t size) {
  const int zeroed = next_random(worker) % 4 == 0;
  block->size = size;
  block->seed = next_random(worker) << 32;
  block->start = zeroed ? calloc(1, size) : malloc(size);
  CHECK(block->start != NULL);
  if (zeroed) verify_zeros(block);
  fill(block, 0);
}

static void drop(struct Block* block) {
  if (block->start == NULL) return;
  verify(block, block->size);
  free(block->start);
  block->start = NULL;
}

static size_t small_size(struct Worker* worker) {
  return 16 + next_random(worker) % 700;
}

static size_t large_size(struct Worker* worker) {
  return (64 << 10) + next_random(worker) % (7 << 20);
}

static void resize(struct Worker* worker, struct Block* block) {
  const size_t size = large_size(worker);
  const size_t kept = size < block->size ? size : block->size;
  unsigned char* moved = realloc(block->start, size);
  CHECK(moved != NULL);
  block->start = moved;
  block->size = size;
  verify(block, kept);
  fill(block, kept - 7);  // where a whole word did not fit
}

static void* work(void* argument) {
  struct Worker* worker = argument;
  for (size_t index = 0; index < kSmall; ++index) {
    make(worker, &worker->small[index], small_size(worker));
  }
  for (size_t index = 0; index < kLarge; ++index) {
    make(worker, &worker->large[index], large_size(worker));
  }
  for (size_t step = 0; step < kSmallSteps; ++step) {
    struct Block* block = &worker->small[next_random(worker) % kSmall];
    drop(block);
    make(worker, block, small_size(worker));
  }
  for (size_t step = 0; step < kLargeSteps; ++step) {
    struct Block* block = &worker->large[next_random(worker) % kLarge];
    if (step % 3 == 0) {
      resize(worker, block);
    } else {
      drop(block);
      make(worker, block, large_size(worker));
    }
    if (step % 200 == 199) malloc_trim(0);
  }
  pthread_barrier_wait(&peak);
  pthread_barrier_wait(&peak);
  // Holes in what was full, given back and used again.
  for (size_t index = 0; index < kSmall; ++index) {
    if (index % 64 != 0) drop(&worker->small[index]);
  }
  for (size_t index = 0; index < kLarge; index += 2) drop(&worker->large[index]);
  malloc_trim(0);
  for (size_t index = 0; index < kSmall; index += 2) {
    if (worker->small[index].start == NULL) {
      make(worker, &worker->small[index], small_size(worker));
    }
  }
  for (size_t index = 0; index < kSmall; ++index) drop(&worker->small[index]);
  for (size_t index = 0; index < kLarge; ++index) drop(&worker->large[index]);
  return NULL;
}

static unsigned long huge_kilobytes(void) {
  static char text[4096];
  FILE* file = fopen("/proc/self/smaps_rollup", "r");
  CHECK(file != NULL);
  const size_t length = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[length] = '\0';
  const char* line = strstr(text, "AnonHugePages:");
  CHECK(line != NULL);
  return strtoul(line + strlen("AnonHugePages:"), NULL, 10);
}

// Whether the kernel has a huge page for who asks.
static int huge_pages_are_to_be_had(void) {
  enum { kHugePage = 2 << 20 };
  const unsigned long before = huge_kilobytes();
  char* start =
      mmap(NULL, 2 * kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(start != MAP_FAILED);
  madvise(start, 2 * kHugePage, MADV_HUGEPAGE);
  start[kHugePage - 1] = 1;
  start[kHugePage] = 1;
  const int got = huge_kilobytes() > before;
  munmap(start, 2 * kHugePage);
  return got;
}

int main(void) {
  pthread_t threads[kThreads];
  pthread_attr_t attributes;
  pthread_barrier_init(&peak, NULL, kThreads + 1);
  pthread_attr_init(&attributes);
  // What is not the allocator's has no huge pages.
  madvise(workers, sizeof workers, MADV_NOHUGEPAGE);
  pthread_attr_setstacksize(&attributes, 256 << 10);
  for (int index = 0; index < kThreads; ++index) {
    workers[index].state = 17 + (uint64_t)index;
    CHECK(pthread_create(&threads[index], &attributes, work, &workers[index]) == 0);
  }
  pthread_barrier_wait(&peak);
  malloc_stats();
  printf("huge_kilobytes %lu\n", huge_kilobytes());
  printf("to_be_had %d\n", huge_pages_are_to_be_had());
  pthread_barrier_wait(&peak);
  for (int index = 0; index < kThreads; ++index) pthread_join(threads[index], NULL);
  return 0;
}
