// An arena that a thread is changing while another forks: the child, which lacks the thread, goes
// on with it, by fork and by _Fork, which runs no handlers.
#define _GNU_SOURCE
#include <hakmem/hakmem.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../preload/check.h"

pid_t _Fork(void) __attribute__((weak));

enum { kKept = 64, kForks = 150 };

static hakmem_arena* arena;
static atomic_bool over;

static void use(unsigned round) {
  char* kept[kKept] = {NULL};
  for (unsigned step = 0; step < 400; ++step) {
    const unsigned place = (step * 7 + round) % kKept;
    if (kept[place] != NULL) hakmem_arena_free(arena, kept[place]);
    const size_t size = step % 50 == 49 ? 200000 : 1 + (step * 37 + round) % 3000;
    kept[place] = hakmem_arena_allocate(arena, size, 0);
    CHECK(kept[place] != NULL);
    memset(kept[place], (int)place, size);
  }
}

static void* change(void* unused) {
  for (unsigned round = 0; !over; ++round) {
    use(round);
    if (round % 4 == 3) hakmem_arena_reset(arena);
  }
  return unused;
}

static void fork_by(pid_t (*function)(void)) {
  const pid_t child = function();
  CHECK(child >= 0);
  if (child == 0) {
    for (unsigned round = 0; round < 3; ++round) use(round);
    hakmem_arena_reset(arena);
    use(5);
    hakmem_arena_destroy(arena);
    _exit(0);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
}

int main(void) {
  arena = hakmem_arena_create();
  CHECK(arena != NULL);
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, change, NULL) == 0);
  for (int count = 0; count < kForks; ++count) {
    fork_by(fork);
    if (_Fork != NULL) fork_by(_Fork);
  }
  over = 1;
  pthread_join(thread, NULL);
  hakmem_arena_destroy(arena);
  return 0;
}
