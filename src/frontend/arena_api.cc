// Owns: the hakmem_arena_* functions of the public header.
// Called by: programs that know us.
// Never: an arena before the heap is set up; arenas work in every mode, for who makes one asks for
// hakmem's heap.
#include <errno.h>
#include <stdint.h>

#include <algorithm>

#include "base/bits.h"
#include "frontend/export.h"
#include "frontend/life_cycle.h"
#include "hakmem/hakmem.h"
#include "heap/arena.h"
#include "heap/fast_path.h"
#include "heap/heap.h"

using namespace hakmem;

namespace {

ThreadHeap& heap_of(hakmem_arena* arena) {
  return *reinterpret_cast<ThreadHeap*>(arena);
}

void* or_errno(void* result, int error) {
  if (HAKMEM_UNLIKELY(result == nullptr)) errno = error;
  return result;
}

}  // namespace

HAKMEM_EXPORT hakmem_arena* hakmem_arena_create() {
  start_up();
  return static_cast<hakmem_arena*>(or_errno(create_arena(), ENOMEM));
}

HAKMEM_EXPORT void* hakmem_arena_allocate(hakmem_arena* arena, size_t size, size_t alignment) {
  ThreadHeap& heap = heap_of(arena);
  if (HAKMEM_LIKELY(size <= kDirectLimit && alignment <= kMinimumBlock &&
                    (alignment & (alignment - 1)) == 0)) {
    void* block = try_allocate_small(&heap, size);
    if (HAKMEM_LIKELY(block != nullptr)) return block;
  }
  if (alignment != 0 && !is_power_of_two(alignment)) return or_errno(nullptr, EINVAL);
  const bool possible = heap.is_arena() && size <= static_cast<size_t>(PTRDIFF_MAX) &&
                        alignment <= static_cast<size_t>(PTRDIFF_MAX) - size;
  if (!possible) return or_errno(nullptr, ENOMEM);
  return or_errno(arena_allocate(heap, std::max(alignment, kMinimumBlock), size), ENOMEM);
}

HAKMEM_EXPORT void hakmem_arena_free(hakmem_arena* arena, void* block) {
  if (block != nullptr) arena_free(heap_of(arena), block, "hakmem_arena_free");
}

HAKMEM_EXPORT void hakmem_arena_reset(hakmem_arena* arena) {
  reset_arena(heap_of(arena));
}

HAKMEM_EXPORT void hakmem_arena_destroy(hakmem_arena* arena) {
  if (arena != nullptr) destroy_arena(heap_of(arena));
}
