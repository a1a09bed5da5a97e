// Every exported C function: what the standards and man pages promise.
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

void free_sized(void*, size_t) __attribute__((weak));
void free_aligned_sized(void*, size_t, size_t) __attribute__((weak));
void cfree(void*) __attribute__((weak));
extern void* __libc_malloc(size_t);
extern void __libc_free(void*);
extern void* __libc_calloc(size_t, size_t);
extern void* __libc_realloc(void*, size_t);
extern void* __libc_memalign(size_t, size_t);
extern void* __libc_valloc(size_t);
extern void* __libc_pvalloc(size_t);

static int minimal;
static size_t page;

static void* fails(void* block, int expected) {
  CHECK(block == NULL);
  CHECK(errno == expected);
  errno = 0;
  return block;
}

static void sizes(void) {
  for (size_t size = 0; size < 5000000; size += 1 + size / 3) {
    unsigned char* block = malloc(size);
    CHECK(block != NULL);
    CHECK((uintptr_t)block % 16 == 0);
    CHECK(malloc_usable_size(block) >= size);
    memset(block, 0xa5, malloc_usable_size(block));
    free(block);
    block = calloc(size / 8 + 1, 8);
    for (size_t at = 0; at < size / 8 * 8; ++at) CHECK(block[at] == 0);
    memset(block, 0xff, size);
    free(block);
  }
  void* a = malloc(0);
  void* b = malloc(0);
  CHECK(a != NULL && b != NULL && a != b);
  free(a);
  free(b);
  free(NULL);
}

static void too_large(void) {
  volatile size_t huge[] = {SIZE_MAX,        SIZE_MAX - 1,         (size_t)PTRDIFF_MAX + 1,
                            SIZE_MAX - 4095, SIZE_MAX / 2 + 1,     (size_t)1 << 62,
                            (size_t)1 << 50, ((size_t)1 << 48) + 5};
  for (size_t index = 0; index < sizeof huge / sizeof *huge; ++index) {
    const size_t size = huge[index];
    errno = 0;
    fails(malloc(size), ENOMEM);
    fails(calloc(1, size), ENOMEM);
    fails(calloc(size, size), ENOMEM);
    fails(calloc(2, size / 2 + 1), ENOMEM);
    fails(realloc(NULL, size), ENOMEM);
    fails(memalign(64, size), ENOMEM);
    fails(aligned_alloc(64, size), ENOMEM);
    fails(valloc(size), ENOMEM);
    fails(pvalloc(size), ENOMEM);
    fails(reallocarray(NULL, size, 2), ENOMEM);
    fails(reallocarray(NULL, size, size), ENOMEM);
    void* kept = malloc(100);
    memset(kept, 1, 100);
    fails(realloc(kept, size), ENOMEM);
    fails(reallocarray(kept, size, 3), ENOMEM);
    CHECK(((char*)kept)[99] == 1);
    free(kept);
    void* result = &result;
    errno = 0;
    CHECK(posix_memalign(&result, 64, size) == ENOMEM && errno == ENOMEM);
    CHECK(result == &result);
  }
  errno = 0;
  fails(malloc((size_t)1 << 46), ENOMEM);
}

static void alignments(void) {
  for (size_t alignment = 16; alignment <= 4 << 20; alignment *= 2) {
    const size_t tried[] = {0,     1,      16, 100, 256, alignment - 1, alignment, alignment + 1,
                            70000, 2500000};
    for (size_t index = 0; index < sizeof tried / sizeof *tried; ++index) {
      const size_t size = tried[index];
      void* blocks[3] = {memalign(alignment, size), aligned_alloc(alignment, size), NULL};
      CHECK(posix_memalign(&blocks[2], alignment, size) == 0);
      for (int k = 0; k < 3; ++k) {
        CHECK(blocks[k] != NULL);
        CHECK((uintptr_t)blocks[k] % alignment == 0);
        CHECK(malloc_usable_size(blocks[k]) >= size);
        memset(blocks[k], 1, size);
      }
      for (int k = 0; k < 3; ++k) free(blocks[k]);
    }
  }
  void* result = NULL;
  const size_t bad[] = {0, 3, 4, 24, 100, SIZE_MAX};
  for (size_t index = 0; index < sizeof bad / sizeof *bad; ++index) {
    errno = 1234;
    CHECK(posix_memalign(&result, bad[index], 8) == EINVAL && errno == 1234);
    if (bad[index] == 4) continue;  // a power of two, which aligned_alloc takes
    errno = 0;
    fails(aligned_alloc(bad[index], 8), EINVAL);
    if (bad[index] != 0) fails(memalign(bad[index], 8), EINVAL);
  }
  void* block = valloc(100);
  CHECK((uintptr_t)block % page == 0);
  free(block);
  block = pvalloc(page + 1);
  CHECK((uintptr_t)block % page == 0 && malloc_usable_size(block) >= 2 * page);
  free(block);
}

static void reallocs(void) {
  CHECK((size_t)realloc(NULL, 10) != 0);
  unsigned char* block = malloc(1);
  block[0] = 1;
  size_t filled = 1;
  for (size_t size = 1; size < 8000000; size += size / 2 + 1) {
    block = realloc(block, size);
    CHECK(block != NULL);
    for (size_t at = 0; at < filled; at += 511) CHECK(block[at] == (unsigned char)(at * 7 + 1));
    for (size_t at = 0; at < size; ++at) block[at] = (unsigned char)(at * 7 + 1);
    filled = size;
  }
  for (size_t size = filled; size > 0; size /= 3) {
    block = realloc(block, size);
    for (size_t at = 0; at < size; at += 511) CHECK(block[at] == (unsigned char)(at * 7 + 1));
  }
  CHECK(realloc(block, 0) == NULL);
  block = reallocarray(NULL, 10, 10);
  CHECK(malloc_usable_size(block) >= 100);
  free(block);
}

static void errno_is_kept(void) {
  void* aligned;
  errno = 1234;
  CHECK(posix_memalign(&aligned, 64, 100000) == 0 && errno == 1234);
  free(aligned);
  const size_t tried[] = {10, 5000, 100000, 3000000, 300000000};
  for (size_t index = 0; index < sizeof tried / sizeof *tried; ++index) {
    void* block = malloc(tried[index]);
    memset(block, 1, tried[index]);
    errno = 1234;
    free(block);
    CHECK(errno == 1234);
  }
  errno = 0;
}

static void other_names(void) {
  void* blocks[] = {__libc_malloc(10),        __libc_calloc(3, 10), __libc_realloc(NULL, 10),
                    __libc_memalign(128, 10), __libc_valloc(10),    __libc_pvalloc(10)};
  for (size_t index = 0; index < sizeof blocks / sizeof *blocks; ++index) {
    CHECK(blocks[index] != NULL);
    CHECK(malloc_usable_size(blocks[index]) >= 10);
    index % 2 ? __libc_free(blocks[index]) : free(blocks[index]);
  }
  if (cfree) cfree(malloc(10));
  if (free_sized) free_sized(malloc(10), 10);
  if (free_aligned_sized) free_aligned_sized(aligned_alloc(64, 128), 64, 128);
  CHECK(free_sized && free_aligned_sized && cfree);
}

static void introspection(void) {
  void* block = malloc(10 << 20);
  const struct mallinfo2 during = mallinfo2();
  if (!minimal) {
    CHECK(during.uordblks >= 10 << 20 && during.arena >= 10 << 20);
    CHECK(during.uordblks + during.fordblks == during.arena);
    CHECK(during.ordblks > 0 && during.hblks == 0 && during.hblkhd == 0);
  }
  const struct mallinfo narrow = mallinfo();
  if (!minimal) CHECK(narrow.uordblks >= 10 << 20);
  memset(block, 1, 10 << 20);
  free(block);
  const struct mallinfo2 after = mallinfo2();
  if (!minimal) CHECK(after.uordblks + (10 << 20) <= during.uordblks);
  const int trimmed = malloc_trim(0);
  CHECK(trimmed == 0 || trimmed == 1);
  if (!minimal) CHECK(trimmed == 1);
  CHECK(mallopt(M_ARENA_MAX, 2) == 1);
  if (!minimal) CHECK(mallopt(-77, 2) == 0);
  FILE* sink = fopen("/dev/null", "w");
  CHECK(malloc_info(0, sink) == 0);
  CHECK(malloc_info(1, sink) == EINVAL);
  fclose(sink);
  close(2);
  malloc_stats();
}

int main(void) {
  const char* mode = getenv("HAKMEM_MODE");
  minimal = mode != NULL && strcmp(mode, "minimal") == 0;
  page = (size_t)sysconf(_SC_PAGESIZE);
  sizes();
  too_large();
  alignments();
  reallocs();
  errno_is_kept();
  other_names();
  introspection();
  return 0;
}
