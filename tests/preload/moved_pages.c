// Memory that is moved by its page tables loses nothing and carries nothing along: moved_pages
// CASE.
//   advice    what was asked of the pages of freed blocks does not turn up in others
//   mappings  a block of many mappings grows near the limit on mappings, and keeps every byte
//   limited   large blocks grow and shrink under a limit on address space that comes later
//   locked    pages of freed blocks are locked; fresh ones read as zeros all the same
#define _GNU_SOURCE
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { kSkipped = 77 };
#define MIB ((size_t)1 << 20)

static int advice(void) {
  enum { kBlocks = 24 };
  unsigned char* blocks[kBlocks];
  uintptr_t was[kBlocks] = {0};
  for (int index = 0; index < kBlocks; ++index) {
    memset(blocks[index] = aligned_alloc(2 * MIB, 2 * MIB), 1, 2 * MIB);
  }
  for (int index = 1; index < kBlocks; index += 2) {
    madvise(blocks[index], 2 * MIB, index % 4 == 1 ? MADV_WIPEONFORK : MADV_DONTFORK);
    was[index] = (uintptr_t)blocks[index];
    free(blocks[index]);
  }
  const size_t bytes = 20 * MIB;
  unsigned char* later = malloc(bytes);
  memset(later, 7, bytes);
  const pid_t child = fork();
  if (child == 0) {
    for (size_t at = 0; at < bytes; at += 4096) {
      int is_where_a_freed_block_was = 0;
      for (int index = 1; index < kBlocks; index += 2) {
        is_where_a_freed_block_was |= (uintptr_t)later + at - was[index] < 2 * MIB;
      }
      if (!is_where_a_freed_block_was && later[at] != 7) _exit(1);
    }
    _exit(0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  CHECK(status == 0);
  return 0;
}

static void fill(unsigned char* block, size_t bytes) {
  for (size_t at = 0; at < bytes; at += 512) block[at] = (unsigned char)(at / 512 * 7 + 1);
}

static int is_filled(const unsigned char* block, size_t bytes) {
  for (size_t at = 0; at < bytes; at += 512) {
    if (block[at] != (unsigned char)(at / 512 * 7 + 1)) return 0;
  }
  return 1;
}

// `grown`: it has a mapping of its own before it is made many.
static int grow_near_limit(int left, size_t bytes, int grown) {
  static void* mappings[70000];
  unsigned char* block = grown ? realloc(malloc(bytes / 2), bytes) : aligned_alloc(2 * MIB, bytes);
  CHECK(block != NULL);
  fill(block, bytes);
  for (size_t at = 0; at < bytes; at += bytes / 32) {
    if (madvise(block + at, bytes / 64, MADV_DONTDUMP) != 0) return skipped("no MADV_DONTDUMP");
  }
  void* fence = malloc(8 * MIB);
  int count = 0;
  for (; count < 70000; ++count) {
    const int protection = count % 2 == 0 ? PROT_NONE : PROT_READ;
    mappings[count] = mmap(NULL, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mappings[count] == MAP_FAILED) break;
  }
  for (int given = 0; given < left; ++given) munmap(mappings[--count], 4096);
  unsigned char* moved = realloc(block, bytes * 3);
  for (int given = 0; given < 100; ++given) munmap(mappings[--count], 4096);
  CHECK(is_filled(moved != NULL ? moved : block, bytes));
  free(fence);
  return 0;
}

static int mappings(void) {
  for (int left = 0; left < 64; left += left < 20 ? 1 : 4) {
    for (int form = 0; form < 3; ++form) {
      const pid_t child = fork();
      if (child == 0) _exit(grow_near_limit(left, form == 0 ? 4 * MIB : 32 * MIB, form == 2));
      int status = -1;
      waitpid(child, &status, 0);
      if (WIFEXITED(status) && WEXITSTATUS(status) == kSkipped) return kSkipped;
      CHECK(status == 0);
    }
  }
  return 0;
}

static int limited(void) {
  size_t bytes = 20 * MIB;
  unsigned char* block = malloc(bytes);
  fill(block, bytes);
  for (int step = 0; step < 8; ++step) {
    if (step == 3) {
      const struct rlimit limit = {512 * MIB, RLIM_INFINITY};
      setrlimit(RLIMIT_AS, &limit);
    }
    const size_t wished = step % 2 == 0 ? bytes * 2 : bytes / 3;
    unsigned char* resized = realloc(block, wished);
    if (resized == NULL) continue;
    block = resized;
    CHECK(is_filled(block, wished < bytes ? wished : bytes));
    bytes = wished;
    fill(block, bytes);
  }
  free(block);
  return 0;
}

static int locked(void) {
  enum { kBlocks = 16 };
  unsigned char* blocks[kBlocks];
  for (int round = 0; round < 8; ++round) {
    for (int index = 0; index < kBlocks; ++index) {
      const size_t bytes = (size_t)(index + 1) * 700000;
      blocks[index] = calloc(1, bytes);
      CHECK(blocks[index] != NULL);
      for (size_t at = 0; at < bytes; at += 128) CHECK(blocks[index][at] == 0);
      memset(blocks[index], 1, bytes);
      if (index % 3 == 0 && mlock(blocks[index] + 100000, 100) != 0)
        return skipped("no right to lock");
    }
    for (int index = 0; index < kBlocks; ++index) free(blocks[(index * 7 + round) % kBlocks]);
    usleep(100000);
  }
  return 0;
}

int main(int count, char** arguments) {
  CHECK(count == 2);
  static const struct {
    const char* name;
    int (*run)(void);
  } cases[] = {
      {"advice", advice}, {"mappings", mappings}, {"limited", limited}, {"locked", locked}};
  for (size_t index = 0; index < sizeof cases / sizeof *cases; ++index) {
    if (strcmp(arguments[1], cases[index].name) == 0) return cases[index].run();
  }
  return 2;
}
