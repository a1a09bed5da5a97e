// A library that allocates in its constructor, destructor and IFUNC resolver.
#include <stdlib.h>

static void* kept;

__attribute__((constructor)) static void load(void) {
  kept = malloc(4000);
}
__attribute__((destructor)) static void unload(void) {
  free(kept);
}

void* plugin_make(size_t size) {
  return malloc(size);
}
