// Programs that limit or lock their own memory: own_limits lowered|lowered_raw|locked|home. What
// they map themselves is not refused, nor what they allocate, and what one thread frees comes home
// while its frees stay on the fast path.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

enum { kMiB = 1 << 20 };

static void fill(size_t bytes) {
  enum { kMost = 4096 };
  static char* blocks[kMost];
  const size_t size = 60000;
  size_t count = 0;
  for (; count < kMost && count * size < bytes; ++count) {
    blocks[count] = malloc(size);
    CHECK(blocks[count] != NULL);
    memset(blocks[count], (int)count, size);
  }
  for (size_t index = 0; index < count; ++index) {
    CHECK(blocks[index][0] == (char)index && blocks[index][size - 1] == (char)index);
    free(blocks[index]);
  }
}

static void* do_nothing(void* argument) {
  return argument;
}

static void map_and_make_threads(void) {
  void* mapped = mmap(NULL, 50 * kMiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(mapped != MAP_FAILED);
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, do_nothing, NULL) == 0);
  pthread_join(thread, NULL);
  munmap(mapped, 50 * kMiB);
}

static int lower(int by_call) {
  const struct rlimit limit = {200 * kMiB, 200 * kMiB};
  fill(4 * kMiB);
  if (by_call) {
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
  } else {
    // Nobody hears of it: the heap meets the limit when it next needs memory.
    CHECK(syscall(SYS_prlimit64, 0, RLIMIT_AS, &limit, NULL) == 0);
    fill(40 * kMiB);
  }
  map_and_make_threads();
  fill(80 * kMiB);
  map_and_make_threads();
  // No more than the limit.
  CHECK(malloc(300 * kMiB) == NULL && errno == ENOMEM);
  return 0;
}

static int lock(void) {
  struct rlimit limit;
  fill(kMiB);
  CHECK(getrlimit(RLIMIT_MEMLOCK, &limit) == 0);
  if (limit.rlim_max < 64 * kMiB) return skipped("less than 64 MiB may be locked here");
  limit.rlim_cur = limit.rlim_max = 64 * kMiB;
  CHECK(setrlimit(RLIMIT_MEMLOCK, &limit) == 0);
  if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0)
    return skipped("no other user to become");
  if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
    CHECK(errno == EPERM || errno == ENOMEM);
    return errno == EPERM ? skipped("no right to lock") : 1;
  }
  fill(10 * kMiB);
  char* large = malloc(5 * kMiB);
  CHECK(large != NULL);
  memset(large, 1, 5 * kMiB);
  free(large);
  return 0;
}

static size_t resident_pages(void) {
  char text[128] = "";
  FILE* file = fopen("/proc/self/statm", "r");
  CHECK(file != NULL && fgets(text, sizeof text, file) != NULL);
  fclose(file);
  size_t mapped;
  size_t resident;
  CHECK(sscanf(text, "%zu %zu", &mapped, &resident) == 2);
  return resident;
}

static int come_home(void) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  enum { kBlocks = 64 << 10, kBlock = 1000 };
  static char* blocks[kBlocks];
  for (int index = 0; index < kBlocks; ++index) {
    blocks[index] = malloc(kBlock);
    CHECK(blocks[index] != NULL);
    memset(blocks[index], 1, kBlock);
  }
  const size_t full = resident_pages();
  for (int index = 0; index < kBlocks; ++index) free(blocks[index]);
  // A minute is for busy machines; a second and a half is usual.
  for (int step = 0; step < 6000; ++step) {
    for (int pair = 0; pair < 20000; ++pair) {
      void* block = malloc(16 + (size_t)pair % 200);
      CHECK(block != NULL);
      free(block);
    }
    const struct timespec moment = {0, 10000000};
    nanosleep(&moment, NULL);
    if (resident_pages() < full - (size_t)48 * kMiB / page) return 0;
  }
  fprintf(stderr, "%zu pages, now %zu\n", full, resident_pages());
  return 1;
}

int main(int count, char** arguments) {
  const char* what = count > 1 ? arguments[1] : "";
  if (strcmp(what, "lowered") == 0) return lower(1);
  if (strcmp(what, "lowered_raw") == 0) return lower(0);
  if (strcmp(what, "locked") == 0) return lock();
  if (strcmp(what, "home") == 0) return come_home();
  return 2;
}
