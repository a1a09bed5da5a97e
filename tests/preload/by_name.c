// The library takes pages away by libc's names: by_name CASE.
//   told      a library in front of madvise, munmap and mremap hears of every page that goes: here
//             this program, which keeps a list of pages that it registered, as RDMA libraries do
//   nothing   where madvise answers 0 and does nothing, as emulators do, calloc clears
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"

enum { kBlocks = 40, kPage = 4096, kMostRanges = 100000 };

static int does_nothing;
static struct { uintptr_t start, end; } gone[kMostRanges];
static int ranges;

static void note(void* start, size_t bytes) {
  const int index = __atomic_fetch_add(&ranges, 1, __ATOMIC_RELAXED);
  if (index >= kMostRanges) return;
  gone[index].start = (uintptr_t)start;
  gone[index].end = (uintptr_t)start + bytes;
}

int madvise(void* start, size_t bytes, int advice) {
  enum { kGuardInstall = 102 };
  if (advice == MADV_DONTNEED || advice == MADV_FREE || advice == kGuardInstall) {
    if (does_nothing) return 0;
    note(start, bytes);
  }
  return (int)syscall(SYS_madvise, start, bytes, advice);
}

int munmap(void* start, size_t bytes) {
  note(start, bytes);
  return (int)syscall(SYS_munmap, start, bytes);
}

void* mremap(void* start, size_t bytes, size_t new_bytes, int flags, ...) {
  __builtin_va_list rest;
  __builtin_va_start(rest, flags);
  void* target = (flags & MREMAP_FIXED) != 0 ? __builtin_va_arg(rest, void*) : NULL;
  __builtin_va_end(rest);
  note(start, bytes);
  return (void*)syscall(SYS_mremap, start, bytes, new_bytes, flags, target);
}

static int was_told_of(uintptr_t page) {
  for (int index = 0; index < ranges && index < kMostRanges; ++index) {
    if (page >= gone[index].start && page < gone[index].end) return 1;
  }
  return 0;
}

static int is_resident(uintptr_t page) {
  unsigned char in_memory = 0;
  return syscall(SYS_mincore, page, kPage, &in_memory) == 0 && (in_memory & 1) != 0;
}

static void* free_all(void* blocks) {
  for (int index = 0; index < kBlocks; ++index) free(((void**)blocks)[index]);
  return NULL;
}

static size_t size_of(int index) {
  return (size_t)(index % 7 + 1) * 600000 + (size_t)(index % 3) * 9000000;
}

static int told(void) {
  static void* blocks[kBlocks];
  static uintptr_t starts[kBlocks];
  for (int index = 0; index < kBlocks; ++index) {
    memset(blocks[index] = malloc(size_of(index)), 1, size_of(index));
    starts[index] = ((uintptr_t)blocks[index] + kPage - 1) & ~(uintptr_t)(kPage - 1);
  }
  ranges = 0;
  pthread_t thread;
  pthread_create(&thread, NULL, free_all, blocks);
  pthread_join(thread, NULL);
  // New blocks among the old, which memory may move to.
  for (int index = 0; index < 4; ++index) memset(malloc((size_t)30 << 20), 2, (size_t)30 << 20);
  sleep(1);
  malloc_trim(0);
  int left = 0;
  for (int index = 0; index < kBlocks; ++index) {
    for (uintptr_t page = starts[index]; page + kPage <= starts[index] + size_of(index) - kPage;
         page += 16 * kPage) {
      if (is_resident(page)) continue;
      ++left;
      CHECK(was_told_of(page));
    }
  }
  CHECK(left > 0);
  return 0;
}

static int nothing(void) {
  does_nothing = 1;
  for (int round = 0; round < 6; ++round) {
    unsigned char* blocks[kBlocks];
    for (int index = 0; index < kBlocks; ++index) {
      blocks[index] = calloc(1, size_of(index));
      CHECK(blocks[index] != NULL);
      for (size_t at = 0; at < size_of(index); at += 512) CHECK(blocks[index][at] == 0);
      memset(blocks[index], 0xff, size_of(index));
    }
    for (int index = 0; index < kBlocks; ++index) free(blocks[(index * 11 + round) % kBlocks]);
    malloc_trim(0);
  }
  return 0;
}

int main(int count, char** arguments) {
  CHECK(count == 2);
  if (strcmp(arguments[1], "told") == 0) return told();
  if (strcmp(arguments[1], "nothing") == 0) return nothing();
  return 2;
}
