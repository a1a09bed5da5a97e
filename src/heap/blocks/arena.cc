// Owns: the life of arenas and the lists of their extents.
// Called by: see arena.h.
// Never: the arenas' lock held while another is taken.
#include "heap/blocks/arena.h"

#include "base/lock.h"
#include "base/log.h"
#include "heap/blocks/extent.h"
#include "heap/blocks/fast_path.h"
#include "heap/blocks/free_path.h"
#include "heap/heap.h"
#include "heap/threads/heap_registry.h"

namespace hakmem {
namespace {

// Any thread may free an extent of any arena.
constinit Lock extents_lock{LockRank::kArenas};

// For the one thread that may use the arena. Who forked without handlers finds traces of threads
// that are lost, until all is made whole.
class UseScope {
 public:
  UseScope(ThreadHeap& arena, const char* function) : visit_(checked(arena, function)) {}

 private:
  static bool is_used_by_another(const ThreadHeap& arena) {
    const uintptr_t visitor = arena.visitor.load(std::memory_order_relaxed);
    return visitor != 0 && visitor != this_thread();
  }

  static ThreadHeap& checked(ThreadHeap& arena, const char* function) {
    if (HAKMEM_LIKELY(!is_used_by_another(arena))) return arena;
    look_for_lost_threads();
    if (is_used_by_another(arena)) {
      fatal(function,
            "the arena is in use by another thread:", arena.handle.load(std::memory_order_relaxed));
    }
    return arena;
  }

  VisitScope visit_;
};

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

void* arena_allocate(ThreadHeap& arena, size_t alignment, size_t size, const char* function) {
  UseScope use(arena, function);
  return heap_allocate_aligned(&arena, alignment, size);
}

void arena_free(ThreadHeap& arena, void* block, const char* function) {
  UseScope use(arena, function);
  // In full, also where the fast path would do: what it frees after a reset is not carved yet.
  const LiveBlock live = find_live_block(block, function);
  if (live.span == nullptr || live.span->heap != &arena) {
    fatal(function, "not a block of this arena:", reinterpret_cast<uintptr_t>(block));
  }
  if (live.span->kind.load(std::memory_order_relaxed) == SpanKind::kExtent) {
    free_extent(live.span);
  } else if (!try_free_owned(block, reinterpret_cast<uintptr_t>(&arena))) {
    arena.push_and_settle(*live.span, static_cast<Block*>(block));
  }
}

void reset_arena(ThreadHeap& arena, const char* function) {
  UseScope use(arena, function);
  free_extents(arena);
  arena.forget_all_blocks();
}

void destroy_arena(ThreadHeap& arena, const char* function) {
  {
    UseScope use(arena, function);
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
