// Owns: the hakmem_arena_* functions of the public header.
// Called by: programs that know us.
// Never: an arena before the heap is set up; arenas work in every mode, for who makes one asks for
// hakmem's heap.
#include <errno.h>
#include <stdint.h>

#include <algorithm>

#include "backend/linux/memory/process_page.h"
#include "base/bits.h"
#include "base/log.h"
#include "frontend/api/export.h"
#include "frontend/start/life_cycle.h"
#include "hakmem/hakmem.h"
#include "heap/blocks/arena.h"
#include "heap/blocks/arena_handle.h"
#include "heap/blocks/fast_path.h"
#include "heap/heap.h"

using namespace hakmem;

namespace {

ArenaHandle handle_of(const hakmem_arena* arena) {
  return {reinterpret_cast<uintptr_t>(arena)};
}

[[noreturn]] void report_no_arena(const hakmem_arena* arena, const char* function) {
  fatal(function, "no arena, or one that was destroyed:", handle_of(arena).value);
}

ThreadHeap& heap_of(const hakmem_arena* arena, const char* function) {
  ThreadHeap* heap = arena_of(handle_of(arena));
  if (HAKMEM_UNLIKELY(heap == nullptr)) report_no_arena(arena, function);
  return *heap;
}

void* or_errno(void* result, int error) {
  if (HAKMEM_UNLIKELY(result == nullptr)) errno = error;
  return result;
}

}  // namespace

HAKMEM_EXPORT hakmem_arena* hakmem_arena_create() {
  start_up();
  // By it a child that no handler has set up is told: it may lack the thread that used the arena.
  make_process_page();
  ThreadHeap* heap = create_arena();
  const ArenaHandle handle = heap != nullptr ? give_handle(*heap) : ArenaHandle{};
  if (heap != nullptr && handle.value == 0) destroy_arena(*heap, "hakmem_arena_create");
  return static_cast<hakmem_arena*>(or_errno(reinterpret_cast<void*>(handle.value), ENOMEM));
}

HAKMEM_EXPORT void* hakmem_arena_allocate(hakmem_arena* arena, size_t size, size_t alignment) {
  ThreadHeap& heap = heap_of(arena, "hakmem_arena_allocate");
  if (HAKMEM_LIKELY(size <= kDirectLimit && alignment <= kMinimumBlock &&
                    (alignment & (alignment - 1)) == 0)) {
    void* block = pop_block(heap.direct[(size + kMinimumBlock - 1) / kMinimumBlock]);
    if (HAKMEM_LIKELY(block != nullptr)) return block;
  }
  if (alignment != 0 && !is_power_of_two(alignment)) return or_errno(nullptr, EINVAL);
  const bool possible = size <= static_cast<size_t>(PTRDIFF_MAX) &&
                        alignment <= static_cast<size_t>(PTRDIFF_MAX) - size;
  if (!possible) return or_errno(nullptr, ENOMEM);
  void* block =
      arena_allocate(heap, std::max(alignment, kMinimumBlock), size, "hakmem_arena_allocate");
  return or_errno(block, ENOMEM);
}

HAKMEM_EXPORT void hakmem_arena_free(hakmem_arena* arena, void* block) {
  if (block == nullptr) return;
  arena_free(heap_of(arena, "hakmem_arena_free"), block, "hakmem_arena_free");
}

HAKMEM_EXPORT void hakmem_arena_reset(hakmem_arena* arena) {
  reset_arena(heap_of(arena, "hakmem_arena_reset"), "hakmem_arena_reset");
}

HAKMEM_EXPORT void hakmem_arena_destroy(hakmem_arena* arena) {
  if (arena == nullptr) return;
  ThreadHeap& heap = heap_of(arena, "hakmem_arena_destroy");
  if (!withdraw_handle(heap, handle_of(arena))) report_no_arena(arena, "hakmem_arena_destroy");
  destroy_arena(heap, "hakmem_arena_destroy");
}
