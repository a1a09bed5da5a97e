// A library that programs open with RTLD_DEEPBIND; whose() is also a function of the program's.
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static void* kept;

__attribute__((constructor)) static void load(void) {
  kept = malloc(4000);
}
__attribute__((destructor)) static void unload(void) {
  free(kept);
}

// A block of the constructor's for one of the program's.
void* exchange(void* block) {
  void* old = kept;
  kept = block;
  return old;
}

void take(void* block) {
  free(block);
}
void* give(size_t size) {
  return malloc(size);
}
void* more(void* block, size_t size) {
  return realloc(block, size);
}
char* copy(const char* text) {
  return strdup(text);
}

const char* whose(void) {
  return "library";
}
const char* whose_is_called(void) {
  return whose();
}

// Not by a jump, which would make libc see our caller.
void* open_for_library(const char* name) {
  void* volatile handle = dlopen(name, RTLD_NOW);
  return handle;
}
