// Owns: what is true of slabs and their queues.
// Called by: see heap_verify.h.
// Never: see heap_verify.h.
#include "heap/heap_verify.h"

#include "heap/pages/page_heap.h"
#include "heap/threads/heap_registry.h"

namespace hakmem {
namespace {

bool free_list_is_whole(const Span& slab) {
  uint32_t length = 0;
  const auto start = reinterpret_cast<uintptr_t>(page_heap.map().start_of(&slab));
  for (const Block* block = slab.free; block != slab.end; block = next_on_list(slab, block)) {
    const size_t offset = reinterpret_cast<uintptr_t>(block) - start;
    if (place_in_slab(slab, offset) != SlabPlace::kBlock || block->marker != mark_of(slab))
      return false;
    if (++length > slab.capacity) return false;
  }
  const uint32_t carved = slab.carved.load(std::memory_order_relaxed);
  return slab.state == SlabState::kCurrent || length + slab.outstanding == carved;
}

const char* wrong_with(const ThreadHeap& heap, const Span& slab, SlabState state) {
  if (slab.kind.load(std::memory_order_relaxed) != SpanKind::kSlab) return "a slab that is none";
  if (slab.heap != &heap) return "another heap's slab";
  if (slab.state != state) return "a slab's state";
  const uintptr_t owner = slab.owner.load(std::memory_order_relaxed) & ~uintptr_t{1};
  if (owner != heap.thread.load(std::memory_order_relaxed)) return "a slab's owner";
  return free_list_is_whole(slab) ? nullptr : "a slab's free list";
}

const char* wrong_with(const ThreadHeap& heap, const SlabQueue& queue, SlabState state) {
  const Span* previous = nullptr;
  for (const Span* slab = queue.head; slab != nullptr; previous = slab, slab = slab->next) {
    if (slab->previous != previous) return "a queue's links";
    if (const char* wrong = wrong_with(heap, *slab, state)) return wrong;
  }
  return queue.tail == previous ? nullptr : "a queue's end";
}

const char* wrong_with(const ThreadHeap& heap) {
  for (const Span* slab : heap.current) {
    const char* wrong = slab != &kNoSlab ? wrong_with(heap, *slab, SlabState::kCurrent) : nullptr;
    if (wrong != nullptr) return wrong;
  }
  for (const SlabQueue& queue : heap.available) {
    if (const char* wrong = wrong_with(heap, queue, SlabState::kAvailable)) return wrong;
  }
  return wrong_with(heap, heap.full, SlabState::kFull);
}

bool may_look_at(const ThreadHeap& heap) {
  switch (heap.state.load(std::memory_order_relaxed)) {
    case HeapState::kAbandoned:
    case HeapState::kArena:
      return true;
    case HeapState::kOwned:
    case HeapState::kClaimed:
    case HeapState::kTorn:
    case HeapState::kIdleArena:
      return false;
  }
  return false;
}

}  // namespace

const char* verify_heap() {
  if (const char* wrong = page_heap.verify()) return wrong;
  for (const ThreadHeap* heap = first_registered_heap(); heap != nullptr;
       heap = heap->next_registered) {
    const char* wrong = may_look_at(*heap) ? wrong_with(*heap) : nullptr;
    if (wrong != nullptr) return wrong;
  }
  return nullptr;
}

}  // namespace hakmem
