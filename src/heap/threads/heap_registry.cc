// Owns: the list of heaps and the transitions between owned, abandoned and torn.
// Called by: see heap_registry.h.
// Never: an allocation from the heap itself; heaps live in memory of their own.
#include "heap/threads/heap_registry.h"

#include <new>

#include "base/store_order.h"
#include "base/thread_id.h"
#include "heap/blocks/extent.h"
#include "heap/pages/page_heap.h"
#include "heap/threads/heap_mending.h"
#include "telemetry/counters.h"

namespace hakmem {
namespace {

constexpr size_t kChunkBytes = kSliceSize;

constinit Lock the_lock{LockRank::kRegistry};
constinit std::atomic<ThreadHeap*> heaps{nullptr};
constinit std::atomic<uint32_t> owners{0};
// The first heap is part of the library's own memory: many processes never need another mapping.
alignas(ThreadHeap) constinit char first_chunk[sizeof(ThreadHeap)] = {};
constinit char* chunk_next = first_chunk;
constinit char* chunk_end = first_chunk + sizeof first_chunk;
constinit size_t chunk_bytes = 0;

// Under the registry's lock.
ThreadHeap* make_heap(HeapState state) {
  if (static_cast<size_t>(chunk_end - chunk_next) < sizeof(ThreadHeap)) {
    const Backend& backend = page_heap.backend();
    void* chunk = backend.map(kChunkBytes, backend.page_size());
    if (chunk == nullptr) return nullptr;
    chunk_next = static_cast<char*>(chunk);
    chunk_end = chunk_next + kChunkBytes;
    chunk_bytes += kChunkBytes;
  }
  auto* heap = new (chunk_next)
      ThreadHeap{.direct = kNoHeap.direct,
                 .current = kNoHeap.current,
                 .available = {},
                 .full = {},
                 .cache = {},
                 .stack_start = 0,
                 .next_colour = 0,
                 .small_slabs = {},
                 .slabs = {},
                 .thread = state == HeapState::kOwned ? this_thread()
                                                      : reinterpret_cast<uintptr_t>(chunk_next),
                 .visitor = 0,
                 .next_registered = heaps.load(std::memory_order_relaxed),
                 .own_extents = {},
                 .place_of_arena = 0,
                 .handle = 0,
                 .outgoing = {},
                 .inbox = {},
                 .state = state};
  chunk_next += sizeof(ThreadHeap);
  // A child of a fork may lose the memory, but never finds it free and in the list.
  keep_store_order();
  heaps.store(heap, std::memory_order_release);
  if (state == HeapState::kOwned) owners.fetch_add(1, std::memory_order_relaxed);
  count(counters.heaps_created);
  return heap;
}

// Under the registry's lock.
ThreadHeap* adopt_heap() {
  mend_torn_heaps_locked();
  for (ThreadHeap* heap = heaps.load(std::memory_order_relaxed); heap != nullptr;
       heap = heap->next_registered) {
    HeapState state = heap->state.load(std::memory_order_relaxed);
    // Thread-local storage is zeroed once more after IFUNC resolvers ran: the heap is ours still.
    if (state == HeapState::kOwned &&
        heap->thread.load(std::memory_order_relaxed) == this_thread()) {
      return heap;
    }
    if (state == HeapState::kAbandoned &&
        heap->state.compare_exchange_strong(state, HeapState::kOwned, std::memory_order_seq_cst)) {
      heap->own_slabs(this_thread());
      owners.fetch_add(1, std::memory_order_relaxed);
      count(counters.heaps_adopted);
      return heap;
    }
  }
  return nullptr;
}

void abandon(ThreadHeap& heap) {
  heap.disown_slabs();
  heap.cache.drop();
  heap.cache.return_quota();
  heap.state.store(HeapState::kAbandoned, std::memory_order_seq_cst);
  collect_if_abandoned(heap);
}

}  // namespace

ThreadHeap* acquire_thread_heap() {
  LockGuard guard(the_lock);
  ThreadHeap* heap = adopt_heap();
  if (heap == nullptr) heap = make_heap(HeapState::kOwned);
  if (heap == nullptr) return nullptr;
  heap->stack_start = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  set_thread_heap(heap);
  return heap;
}

ThreadHeap* acquire_arena_heap() {
  LockGuard guard(the_lock);
  for (ThreadHeap* heap = first_registered_heap(); heap != nullptr; heap = heap->next_registered) {
    HeapState idle = HeapState::kIdleArena;
    if (heap->state.compare_exchange_strong(idle, HeapState::kArena, std::memory_order_acquire)) {
      return heap;
    }
  }
  return make_heap(HeapState::kArena);
}

void abandon_thread_heap() {
  ThreadHeap* heap = thread_heap();
  if (heap == &kNoHeap) return;
  set_thread_heap(&kNoHeap);
  abandon(*heap);
  owners.fetch_sub(1, std::memory_order_seq_cst);
}

uint32_t threads_with_heap() {
  return owners.load(std::memory_order_seq_cst);
}

ThreadHeap* first_registered_heap() {
  return heaps.load(std::memory_order_acquire);
}

size_t thread_heap_bytes() {
  LockGuard guard(the_lock);
  return chunk_bytes;
}

Lock& registry_lock() {
  return the_lock;
}

void registry_after_fork_in_child() {
  the_lock.take_from_lost_thread();
  owners.store(thread_heap() != &kNoHeap ? 1 : 0, std::memory_order_relaxed);
}

}  // namespace hakmem
