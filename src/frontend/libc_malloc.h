// Owns: the door to libc's own allocator.
// Called by: minimal mode, frees of pointers that are not ours.
// Never: resolved on first need (a failing dlsym allocates); never RTLD_NEXT (which finds another
// allocator under programs that link one).
#pragma once

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
};

// From the constructor. False where there is no libc to load from (static programs).
bool resolve_libc_malloc();

// nullptr before resolve_libc_malloc has succeeded.
const LibcMalloc* libc_malloc();

}  // namespace hakmem
