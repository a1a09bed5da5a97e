// The arena functions from C, alone and around fork.
#include <errno.h>
#include <hakmem/hakmem.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../preload/check.h"

static void use(hakmem_arena* arena) {
  for (int round = 0; round < 3; ++round) {
    for (size_t size = 0; size < 100000; size += size / 4 + 1) {
      char* block = hakmem_arena_allocate(arena, size, 0);
      CHECK(block != NULL && (uintptr_t)block % 16 == 0);
      memset(block, 7, size);
      if (size % 3 == 0) hakmem_arena_free(arena, block);
      if (size % 3 == 1) free(block);
    }
    hakmem_arena_reset(arena);
  }
}

int main(void) {
  hakmem_arena* arena = hakmem_arena_create();
  CHECK(arena != NULL);
  use(arena);
  CHECK((uintptr_t)hakmem_arena_allocate(arena, 10, 4096) % 4096 == 0);
  errno = 0;
  CHECK(hakmem_arena_allocate(arena, 10, 48) == NULL && errno == EINVAL);
  CHECK(hakmem_arena_allocate(arena, 10, 12) == NULL && errno == EINVAL);
  errno = 0;
  CHECK(hakmem_arena_allocate(arena, SIZE_MAX - 100, 0) == NULL && errno == ENOMEM);
  errno = 0;
  CHECK(hakmem_arena_allocate(arena, (size_t)1 << 62, 64) == NULL && errno == ENOMEM);
  hakmem_arena_free(arena, NULL);
  hakmem_arena_destroy(NULL);

  // Outside of arenas.
  errno = 0;
  CHECK(hakmem_allocate(10, 3) == NULL && errno == EINVAL);
  CHECK(hakmem_allocate(10, 48) == NULL && errno == EINVAL);
  char* block = hakmem_allocate(100, 64);
  CHECK((uintptr_t)block % 64 == 0);
  block = realloc(block, 300);
  hakmem_deallocate(block, 300, 64);
  hakmem_deallocate(NULL, 0, 0);
  free(hakmem_allocate(0, 0));

  // The child has the arena with all its blocks.
  char* before = hakmem_arena_allocate(arena, 1000, 0);
  strcpy(before, "before the fork");
  const pid_t child = fork();
  if (child == 0) {
    CHECK(strcmp(before, "before the fork") == 0);
    hakmem_arena_free(arena, before);
    use(arena);
    hakmem_arena_destroy(arena);
    _exit(0);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  CHECK(strcmp(before, "before the fork") == 0);
  hakmem_arena_destroy(arena);
  return 0;
}
