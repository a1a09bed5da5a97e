#include <hakmem/hakmem.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

// Ends well only if malloc and the arenas are hakmem's.
int main(void) {
  hakmem_statistics before = {.size = sizeof before}, after = {.size = sizeof after};
  if (hakmem_get_statistics(&before) != 0) return 1;
  void* block = malloc(5000000);
  if (hakmem_get_statistics(&after) != 0) return 1;
  if (after.allocated < before.allocated + 5000000) return 2;
  free(block);
  hakmem_arena* arena = hakmem_arena_create();
  if (arena == NULL || hakmem_arena_allocate(arena, 100, 16) == NULL) return 3;
  hakmem_arena_destroy(arena);
  printf("%s %s\n", hakmem_version_string(), hakmem_mode());
  return 0;
}
