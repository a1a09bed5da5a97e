// Owns: the life of arenas and the lists of their extents.
// Called by: see arena.h.
// Never: the arenas' lock held while another is taken.
#include "heap/arena.h"

#include "base/lock.h"
#include "base/log.h"
#include "heap/extent.h"
#include "heap/fast_path.h"
#include "heap/free_path.h"
#include "heap/heap.h"
#include "heap/heap_registry.h"

namespace hakmem {
namespace {

// Any thread may free an extent of any arena.
constinit Lock extents_lock{LockRank::kArenas};

Span* take_extent(ThreadHeap& arena) {
  LockGuard guard(extents_lock);
  Span* extent = arena.own_extents.pop_front();
  if (extent != nullptr) extent->heap = nullptr;
  return extent;
}

void free_extents(ThreadHeap& arena) {
  while (Span* extent = take_extent(arena)) free_extent(extent);
}

}  // namespace

ThreadHeap* create_arena() {
  return acquire_arena_heap();
}

void* arena_allocate(ThreadHeap& arena, size_t alignment, size_t size) {
  VisitScope visit(arena);
  return heap_allocate_aligned(&arena, alignment, size);
}

void arena_free(ThreadHeap& arena, void* block, const char* function) {
  VisitScope visit(arena);
  if (HAKMEM_LIKELY(try_free_owned(block, reinterpret_cast<uintptr_t>(&arena)))) return;
  const LiveBlock live = find_live_block(block, function);
  if (live.span == nullptr || live.span->heap != &arena) {
    fatal(function, "not a block of this arena:", reinterpret_cast<uintptr_t>(block));
  }
  if (live.span->kind.load(std::memory_order_relaxed) == SpanKind::kExtent) {
    free_extent(live.span);
  } else {
    arena.push_and_settle(*live.span, static_cast<Block*>(block));
  }
}

void reset_arena(ThreadHeap& arena) {
  VisitScope visit(arena);
  free_extents(arena);
  arena.forget_all_blocks();
}

void destroy_arena(ThreadHeap& arena) {
  {
    VisitScope visit(arena);
    free_extents(arena);
    arena.release_all_slabs();
  }
  arena.state.store(HeapState::kIdleArena, std::memory_order_release);
}

void enlist_arena_extent(ThreadHeap& arena, Span& extent) {
  LockGuard guard(extents_lock);
  extent.heap = &arena;
  arena.own_extents.push_back(extent);
}

void strike_arena_extent(Span& extent) {
  LockGuard guard(extents_lock);
  if (extent.heap == nullptr) return;
  extent.heap->own_extents.remove(extent);
  extent.heap = nullptr;
}

bool arena_lists_are_torn_in_child() {
  return extents_lock.take_from_lost_thread();
}

}  // namespace hakmem
