// Owns: the sending half of remote frees; ThreadHeap::collect_inbox is the other.
// Called by: free_path.cc, thread_heap.cc.
// Never: waiting, or failing. remote_free.pml is the protocol as spin(1) checks it.
#include "heap/threads/remote_free.h"

#include "base/store_order.h"
#include "heap/threads/heap_mending.h"
#include "heap/threads/thread_heap.h"

namespace hakmem {
namespace {

// A sleeping thread may hold this much back for each destination.
constexpr uint32_t kMostBytes = 32 << 10;

template <class Message>
void deliver(ThreadHeap& destination, Message* message) {
  destination.inbox.post(message);
  collect_if_abandoned(destination);
}

uint32_t place_for(const ThreadHeap& heap) {
  return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(&heap) >> 12) ^
         static_cast<uint32_t>(reinterpret_cast<uintptr_t>(&heap) >> 15);
}

}  // namespace

void Outgoing::add(Span& slab, Block* block) {
  ThreadHeap& destination = *slab.heap;
  Place& place = places_[place_for(destination) % kPlaces];
  if (place.destination != &destination) {
    post(place);
    place.destination = &destination;
    keep_store_order();
  }
  if (place.batch == nullptr) place.batch = take_batch();
  if (place.batch == nullptr) {
    deliver(destination, block);
    return;
  }
  place.batch->blocks[place.batch->count] = block;
  keep_store_order();
  ++place.batch->count;
  place.bytes += slab.block_size;
  if (place.batch->count == RemoteBatch::kCapacity || place.bytes >= kMostBytes) post(place);
}

void Outgoing::post(Place& place) {
  if (place.batch == nullptr) return;
  RemoteBatch* batch = place.batch;
  place.batch = nullptr;
  place.bytes = 0;
  deliver(*place.destination, batch);
}

void Outgoing::flush() {
  for (Place& place : places_) post(place);
}

void free_remotely(Span& slab, Block* block) {
  ThreadHeap& destination = *slab.heap;
  __atomic_store_n(&block->marker, travelling(slab), __ATOMIC_RELAXED);
  ThreadHeap* mine = thread_heap();
  // An arena may be reset as soon as its user has heard that all is freed: nothing may wait here.
  if (mine != &kNoHeap && !destination.is_arena()) {
    mine->outgoing.add(slab, block);
    return;
  }
  RemoteBatch* batch = take_batch();
  if (batch == nullptr) {
    deliver(destination, block);
    return;
  }
  batch->blocks[0] = block;
  batch->count = 1;
  deliver(destination, batch);
}

void collect_if_abandoned(ThreadHeap& heap) {
  while (!heap.inbox.seems_empty_to_all()) {
    HeapState seen = HeapState::kAbandoned;
    if (!heap.state.compare_exchange_strong(seen, HeapState::kClaimed, std::memory_order_seq_cst)) {
      if (seen != HeapState::kTorn) return;
      mend_torn_heaps();
      continue;
    }
    {
      VisitScope visit(heap);
      heap.collect_inbox();
    }
    heap.state.store(HeapState::kAbandoned, std::memory_order_seq_cst);
  }
}

}  // namespace hakmem
