// Owns: the door to libc's own allocator.
// Called by: minimal mode, frees of pointers that are not ours.
// Never: dlopen or dlsym, which allocate and drag a quarter megabyte of the loader into every
// process; never the next definition in the search order (RTLD_NEXT finds jemalloc in programs
// that link it).
#pragma once

#include <malloc.h>
#include <stdio.h>

#include <cstddef>

namespace hakmem {

struct LibcMalloc {
  void* (*malloc)(size_t);
  void (*free)(void*);
  void* (*calloc)(size_t, size_t);
  void* (*realloc)(void*, size_t);
  void* (*memalign)(size_t, size_t);
  size_t (*malloc_usable_size)(void*);
  int (*malloc_trim)(size_t);
  struct mallinfo2 (*mallinfo2)();  // null before glibc 2.33
  int (*mallopt)(int, int);
  int (*malloc_info)(int, FILE*);
  void (*malloc_stats)();
};

// Found in the symbol table of the process's libc.so.6 on the first call: no lock, no allocation,
// any thread. nullptr before libc is relocated (IFUNC resolvers) and in static programs.
const LibcMalloc* libc_malloc();

}  // namespace hakmem
