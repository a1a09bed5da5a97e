// Owns: the order in which parts of the heap are made whole.
// Called by: see heap_mending.h.
// Never: the heap of the calling thread, or what it is visiting: they are as it left them.
//
//   heap_after_fork_in_child
//     PageHeap::after_fork_in_child   page_heap_mend.cc: masks -> lists and totals
//     tear_lost_heaps                 owned by lost threads, or visited by one
//     disown_lost_slabs
//     mend_arenas
//   mend_torn_heaps                   later, if at all
//     ThreadHeap::take_in             slab by slab: free list -> counts, queues
#include "heap/threads/heap_mending.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/thread_id.h"
#include "heap/blocks/arena.h"
#include "heap/heap_verify.h"
#include "heap/pages/page_heap.h"
#include "heap/threads/heap_registry.h"
#include "heap/threads/remote_batch.h"

namespace hakmem {
namespace {

template <class Visit>
void for_each_heap(Visit visit) {
  for (ThreadHeap* heap = first_registered_heap(); heap != nullptr; heap = heap->next_registered) {
    visit(*heap);
  }
}

template <class Visit>
void for_each_span(SpanKind kind, Visit visit) {
  PageMap& map = page_heap.map();
  for (uint32_t index = 0; index < map.regions(); ++index) {
    const Region& region = map.region(index);
    const uint32_t slices = region.watermark * kSlicesPerHugePage;
    for (uint32_t slice = 0; slice < slices; ++slice) {
      Span* span = region.span_at(slice);
      if (span->kind.load(std::memory_order_acquire) == kind) visit(*span);
    }
  }
}

HeapState state_of(const ThreadHeap& heap) {
  return heap.state.load(std::memory_order_relaxed);
}

bool is_visited_by_lost_thread(const ThreadHeap& heap) {
  const uintptr_t visitor = heap.visitor.load(std::memory_order_relaxed);
  return visitor != 0 && visitor != this_thread();
}

// Whether there are any.
bool tear_lost_heaps(const ThreadHeap& mine) {
  bool some = false;
  Slices quotas;
  for_each_heap([&](ThreadHeap& heap) {
    quotas = quotas + heap.cache.quota();
    // Who claims an abandoned heap notes it a moment later.
    const bool lost = state_of(heap) == HeapState::kOwned
                          ? &heap != &mine
                          : state_of(heap) == HeapState::kClaimed &&
                                heap.visitor.load(std::memory_order_relaxed) != this_thread();
    if (!lost) return;
    some = true;
    heap.thread.store(0, std::memory_order_relaxed);
    heap.visitor.store(0, std::memory_order_relaxed);
    heap.state.store(HeapState::kTorn, std::memory_order_relaxed);
  });
  cache_quotas.set(quotas);
  return some;
}

// A new thread may get the thread pointer of a lost one.
void disown_lost_slabs() {
  for_each_span(SpanKind::kSlab, [](Span& slab) {
    if (state_of(*slab.heap) == HeapState::kTorn) slab.owner.store(0, std::memory_order_relaxed);
  });
}

void mend_arenas() {
  const bool lists_are_torn = arena_lists_are_torn_in_child();
  for_each_heap([&](ThreadHeap& heap) {
    if (lists_are_torn) heap.own_extents = {};
    if (heap.is_arena() && is_visited_by_lost_thread(heap)) mend_arena(heap);
  });
  if (!lists_are_torn) return;
  for_each_span(SpanKind::kExtent, [](Span& extent) {
    if (extent.heap != nullptr) extent.heap->own_extents.push_back(extent);
  });
}

void check_that_all_is_whole(const char* when) {
  if (!kAssertions) return;
  if (const char* wrong = verify_heap()) fatal(when, wrong, 0);
}

}  // namespace

void heap_after_fork_in_child() {
  page_heap.after_fork_in_child();
  batches_after_fork_in_child();
  registry_after_fork_in_child();
  const ThreadHeap& mine = *thread_heap();
  if (tear_lost_heaps(mine)) disown_lost_slabs();
  mend_arenas();
  check_that_all_is_whole("fork");
}

void mend_arena(ThreadHeap& arena) {
  arena.visitor.store(0, std::memory_order_relaxed);
  arena.forget_slabs();
  for_each_span(SpanKind::kSlab, [&arena](Span& slab) {
    if (slab.heap == &arena) arena.take_in(slab);
  });
}

void mend_torn_heaps_locked() {
  bool some = false;
  for_each_heap([&some](ThreadHeap& heap) {
    if (state_of(heap) != HeapState::kTorn) return;
    some = true;
    heap.forget_slabs();
    heap.cache.forget();
  });
  if (!some) return;
  for_each_span(SpanKind::kSlab, [](Span& slab) {
    if (state_of(*slab.heap) == HeapState::kTorn) slab.heap->take_in(slab);
  });
  for_each_heap([](ThreadHeap& heap) {
    HeapState torn = HeapState::kTorn;
    heap.state.compare_exchange_strong(torn, HeapState::kAbandoned, std::memory_order_seq_cst);
  });
  // What lost threads freed for others; it may come back to one of these heaps.
  for_each_heap([](ThreadHeap& heap) {
    if (state_of(heap) != HeapState::kAbandoned) return;
    heap.outgoing.flush();
    collect_if_abandoned(heap);
  });
  check_that_all_is_whole("fork, later");
}

void mend_torn_heaps() {
  LockGuard guard(registry_lock());
  mend_torn_heaps_locked();
}

}  // namespace hakmem
