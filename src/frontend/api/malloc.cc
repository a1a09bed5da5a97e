// Owns: the exported C functions of malloc(3), with the fast path inlined.
// Called by: the program.
// Never: anything between the fast path's instructions; see heap/blocks/fast_path.h.
//
//   malloc
//     try_allocate_small      current slab of the class: pop
//     allocate_general        the rest: no heap yet, list empty, larger than 1 KiB
//       heap_allocate         slab classes to 64 KiB, extents above
//   free
//     try_free_local          own slab: push
//     free_general
//       free_slow             full slabs, slabs of several slices, other threads', extents, misuse
//       free_foreign          not in our regions
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <cstddef>

#include "base/bits.h"
#include "frontend/api/export.h"
#include "frontend/dispatch/general.h"
#include "heap/blocks/fast_path.h"

namespace {

using namespace hakmem;

// True and ENOMEM when the product wraps.
bool product_wraps(size_t count, size_t size, size_t& bytes) {
  if (HAKMEM_LIKELY(!__builtin_mul_overflow(count, size, &bytes))) return false;
  errno = ENOMEM;
  return true;
}

}  // namespace

HAKMEM_EXPORT_HOT void* malloc(size_t size) {
  if (HAKMEM_LIKELY(size <= kDirectLimit)) {
    void* block = try_allocate_small(size);
    if (HAKMEM_LIKELY(block != nullptr)) return block;
  }
  return allocate_general(size, HAKMEM_CALL_SITE);
}

HAKMEM_EXPORT_HOT void free(void* address) {
  if (HAKMEM_UNLIKELY(!try_free_local(address))) free_general(address, {"free", HAKMEM_CALL_SITE});
}

HAKMEM_EXPORT void* calloc(size_t count, size_t size) {
  size_t bytes;
  if (HAKMEM_UNLIKELY(product_wraps(count, size, bytes))) return nullptr;
  if (HAKMEM_LIKELY(bytes <= kDirectLimit)) {
    void* block = try_allocate_small(bytes);
    if (HAKMEM_LIKELY(block != nullptr)) return memset(block, 0, bytes);
  }
  return allocate_zeroed_general(bytes, HAKMEM_CALL_SITE);
}

HAKMEM_EXPORT void* realloc(void* address, size_t size) {
  void* block = try_reallocate_small(address, size);
  if (HAKMEM_LIKELY(block != nullptr)) return block;
  return reallocate_general(address, size, {"realloc", HAKMEM_CALL_SITE});
}

HAKMEM_EXPORT void* reallocarray(void* address, size_t count, size_t size) {
  size_t bytes;
  if (product_wraps(count, size, bytes)) return nullptr;
  return reallocate_general(address, bytes, {"reallocarray", HAKMEM_CALL_SITE});
}

HAKMEM_EXPORT size_t malloc_usable_size(void* address) {
  const size_t bytes = try_usable_size(address);
  if (HAKMEM_LIKELY(bytes != 0)) return bytes;
  return usable_size_general(address, {"malloc_usable_size", HAKMEM_CALL_SITE});
}

// C23: the size and alignment that the block was asked for. The page map knows them as well; the
// checks compare the size.
HAKMEM_EXPORT void free_sized(void* address, size_t size) {
  if (HAKMEM_LIKELY(try_free_local(address))) return;
  free_sized_general(address, size, {"free_sized", HAKMEM_CALL_SITE});
}

HAKMEM_EXPORT void free_aligned_sized(void* address, size_t, size_t size) {
  if (HAKMEM_LIKELY(try_free_local(address))) return;
  free_sized_general(address, size, {"free_aligned_sized", HAKMEM_CALL_SITE});
}

// For telling our malloc from another's of the same name.
HAKMEM_HIDDEN_ALIAS(malloc) void* hakmem_own_malloc(size_t);

HAKMEM_EXPORT void cfree(void*) HAKMEM_ALIAS(free);

// glibc's internal names: a program that calls them directly gets blocks of the same heap.
HAKMEM_EXPORT void* __libc_malloc(size_t) HAKMEM_ALIAS(malloc);
HAKMEM_EXPORT void __libc_free(void*) HAKMEM_ALIAS(free);
HAKMEM_EXPORT void __libc_cfree(void*) HAKMEM_ALIAS(free);
HAKMEM_EXPORT void* __libc_calloc(size_t, size_t) HAKMEM_ALIAS(calloc);
HAKMEM_EXPORT void* __libc_realloc(void*, size_t) HAKMEM_ALIAS(realloc);
