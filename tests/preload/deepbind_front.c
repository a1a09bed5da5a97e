// Preloaded behind the allocator, with a dlopen of its own.
#define _GNU_SOURCE
#include <dlfcn.h>

int openings;

void* dlopen(const char* name, int flags) {
  void* (*next)(const char*, int) = (void* (*)(const char*, int))dlsym(RTLD_NEXT, "dlopen");
  ++openings;
  return next(name, flags);
}
