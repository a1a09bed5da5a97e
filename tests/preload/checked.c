// Correct programs that the checks must not disturb, one per process, named by the argument. 77: it
// cannot be tried here.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"

enum { kLarge = 400000, kCannotBeTried = 77 };

void free_sized(void*, size_t) __attribute__((weak));

// The whole pages in the middle of a block.
static char* inner(char* block, size_t* bytes) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char* from = (char*)(((uintptr_t)block + 100000 + page - 1) & ~(page - 1));
  *bytes = 8 * page;
  return from;
}

static char* filled(size_t size) {
  char* volatile block = malloc(size);
  CHECK(block != NULL);
  memset(block, 1, size);
  return block;
}

// Blocks of the size come and go and may be used; more than the checks hold back.
static void use_again(size_t size) {
  for (int round = 0; round < 800; ++round) {
    char* volatile block = calloc(1, size);
    CHECK(block != NULL);
    if (round % 64 == 0) {
      for (size_t at = 0; at < size; ++at) CHECK(block[at] == 0);
    }
    memset(block, round, size);
    free(block);
  }
}

// Without a fault: the kernel reads.
static int is_readable(const char* address) {
  int ends[2];
  CHECK(pipe(ends) == 0);
  const int readable = write(ends[1], address, 1) == 1;
  close(ends[0]), close(ends[1]);
  return readable;
}

// Whether freed large blocks are guards.
static int hides_freed(void) {
  char* volatile block = filled(kLarge);
  free(block);
  return !is_readable(block + kLarge / 2);
}

static void refuse_madvise(void) {
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static int frees_locked_memory(void) {
  const int hid = hides_freed();
  size_t bytes;
  char* volatile block = filled(kLarge);
  char* from = inner(block, &bytes);
  if (mlock(from, bytes) != 0) return kCannotBeTried;
  free(block);
  // One block's trouble is not the others'.
  CHECK(hides_freed() == hid);
  use_again(kLarge);
  return 0;
}

static int frees_protected_memory(int protection) {
  size_t bytes;
  char* volatile block = filled(kLarge);
  char* from = inner(block, &bytes);
  CHECK(mprotect(from, bytes, protection) == 0);
  free(block);
  use_again(kLarge);
  return 0;
}

static int frees_undumped_memory(void) {
  size_t bytes;
  char* volatile block = filled(kLarge);
  char* from = inner(block, &bytes);
  CHECK(madvise(from, bytes, MADV_DONTDUMP) == 0);
  CHECK(madvise(from + bytes / 2, bytes / 2, MADV_DONTFORK) == 0);
  free(block);
  use_again(kLarge);
  return 0;
}

static int frees_registered_memory(void) {
  const int faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
  if (faults < 0) return kCannotBeTried;
  struct uffdio_api api = {.api = UFFD_API};
  if (ioctl(faults, UFFDIO_API, &api) != 0) return kCannotBeTried;
  size_t bytes;
  char* volatile block = filled(kLarge);
  char* from = inner(block, &bytes);
  struct uffdio_register range = {.range = {.start = (uintptr_t)from, .len = bytes},
                                  .mode = UFFDIO_REGISTER_MODE_MISSING};
  if (ioctl(faults, UFFDIO_REGISTER, &range) != 0) return kCannotBeTried;
  free(block);
  close(faults);
  use_again(kLarge);
  return 0;
}

static int refuses_madvise_later(void) {
  enum { kBlocks = 20 };
  char* volatile live[kBlocks];
  for (int k = 0; k < kBlocks; ++k) live[k] = filled(kLarge);
  for (int k = 0; k < kBlocks; ++k) free(filled(kLarge));
  refuse_madvise();
  for (int k = 0; k < kBlocks; ++k) free(live[k]);
  use_again(kLarge);
  return 0;
}

static void use_all(char* block, size_t least) {
  CHECK(block != NULL);
  const size_t usable = malloc_usable_size(block);
  CHECK(usable >= least);
  memset(block, 0, usable);
  CHECK(malloc_usable_size(block) == usable);
}

static int uses_all_that_is_usable(void) {
  for (size_t size = 0; size < 300000; size += size / 5 + 1) {
    char* volatile blocks[] = {malloc(size),         calloc(1, size),         memalign(256, size),
                               memalign(8192, size), aligned_alloc(64, size), valloc(size),
                               pvalloc(size),        realloc(NULL, size + 1), calloc(size / 3, 3)};
    for (size_t k = 0; k < sizeof blocks / sizeof *blocks; ++k) {
      char* block = blocks[k];
      use_all(block, size / 3 * 3);
      block = realloc(block, size * 2 + 1);
      use_all(block, size * 2 + 1);
      block = realloc(block, size / 2 + 1);
      use_all(block, size / 2 + 1);
      block = realloc(block, malloc_usable_size(block));
      use_all(block, size / 2 + 1);
      k % 2 ? free(block) : free_sized(block, malloc_usable_size(block));
    }
  }
  return 0;
}

// Where there is no memory to move to, a block shrinks where it is; it has the new size then.
static int shrinks_without_memory(void) {
  enum { kSizes = 4 };
  const size_t sizes[kSizes] = {100, 20000, kLarge, 3000000};
  char* volatile blocks[kSizes];
  for (int k = 0; k < kSizes; ++k) blocks[k] = filled(sizes[k]);
  const struct rlimit none = {0, 0};
  CHECK(setrlimit(RLIMIT_DATA, &none) == 0);
  static const size_t steps[] = {1 << 20, 1 << 16, 1 << 12, 1 << 8, 16, 0};
  for (int step = 0; step < 6; ++step) {
    while (malloc(steps[step]) != NULL) {
    }
  }
  for (int k = 0; k < kSizes; ++k) {
    char* volatile block = realloc(blocks[k], sizes[k] - 30);
    CHECK(block != NULL);
    use_all(block, sizes[k] - 30);
    CHECK(block != blocks[k] || malloc_usable_size(block) == sizes[k] - 30);
    free_sized(block, sizes[k] - 30);
  }
  return 0;
}

// 64 bytes more than asked for, and a class of its own.
static int is_worth_64_bytes(void) {
  enum { kBlocks = 100, kAsked = 64, kMore = 64 };
  size_t least = SIZE_MAX;
  char* last = malloc(kAsked);
  for (int k = 0; k < kBlocks; ++k) {
    char* block = malloc(kAsked);
    if (block > last && (size_t)(block - last) < least) least = (size_t)(block - last);
    last = block;
  }
  CHECK(least <= kAsked + kMore);
  return 0;
}

// What waits for its reuse is not in use.
static int counts_what_is_in_use(void) {
  enum { kBlocks = 10000 };
  const size_t sizes[] = {100, 3000, 300000};
  for (int k = 0; k < 3; ++k) free(malloc(sizes[k]));
  const struct mallinfo2 before = mallinfo2();
  for (int k = 0; k < 3; ++k) {
    char* volatile block = malloc(sizes[k]);
    CHECK(mallinfo2().uordblks >= before.uordblks + sizes[k]);
    CHECK(mallinfo2().uordblks <= before.uordblks + 2 * sizes[k]);
    free(block);
    CHECK(mallinfo2().uordblks == before.uordblks);
  }
  for (int k = 0; k < kBlocks; ++k) free(malloc(100));
  CHECK(mallinfo2().uordblks == before.uordblks);
  return 0;
}

int main(int argc, char** argv) {
  CHECK(argc == 2);
  const char* name = argv[1];
  if (strcmp(name, "locked") == 0) return frees_locked_memory();
  if (strcmp(name, "read_only") == 0) return frees_protected_memory(PROT_READ);
  if (strcmp(name, "no_access") == 0) return frees_protected_memory(PROT_NONE);
  if (strcmp(name, "undumped") == 0) return frees_undumped_memory();
  if (strcmp(name, "registered") == 0) return frees_registered_memory();
  if (strcmp(name, "filtered_later") == 0) return refuses_madvise_later();
  if (strcmp(name, "usable") == 0) return uses_all_that_is_usable();
  if (strcmp(name, "shrunk") == 0) return shrinks_without_memory();
  if (strcmp(name, "small") == 0) return is_worth_64_bytes();
  if (strcmp(name, "counted") == 0) return counts_what_is_in_use();
  fprintf(stderr, "checked: no case '%s'\n", name);
  return 2;
}
