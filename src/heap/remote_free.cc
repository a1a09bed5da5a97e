// Owns: the protocol between a freeing thread and a slab's owner.
// Called by: free_path.cc.
// Never: a slab released while it is on a pending list: bit 0 of `remote` says that it is, and only
// whoever takes it off the list clears the bit.
#include "heap/remote_free.h"

#include "heap/slab.h"
#include "heap/thread_heap.h"

namespace hakmem {
namespace {

void announce(Span& slab) {
  ThreadHeap& heap = *slab.heap;
  Span* first = heap.pending.load(std::memory_order_relaxed);
  do {
    slab.next_pending = first;
  } while (!heap.pending.compare_exchange_weak(first, &slab, std::memory_order_seq_cst,
                                               std::memory_order_relaxed));
  // Sequentially consistent on both sides: either we see the heap abandoned, or the thread that
  // abandons it sees the pending slab.
  collect_if_abandoned(heap);
}

}  // namespace

void free_remotely(Span& slab, Block* block) {
  block->marker = &slab;
  uintptr_t seen = slab.remote.load(std::memory_order_relaxed);
  do {
    auto* first = reinterpret_cast<Block*>(seen & ~uintptr_t{1});
    block->next = first != nullptr ? first : &kEndOfList;
  } while (!slab.remote.compare_exchange_weak(seen, reinterpret_cast<uintptr_t>(block) | 1,
                                              std::memory_order_acq_rel,
                                              std::memory_order_relaxed));
  if ((seen & 1) == 0) announce(slab);
}

void collect_if_abandoned(ThreadHeap& heap) {
  while (heap.pending.load(std::memory_order_seq_cst) != nullptr) {
    HeapState seen = HeapState::kAbandoned;
    if (!heap.state.compare_exchange_strong(seen, HeapState::kClaimed, std::memory_order_seq_cst)) {
      return;
    }
    {
      BusyScope busy_scope(heap);
      heap.collect_pending();
    }
    heap.state.store(HeapState::kAbandoned, std::memory_order_seq_cst);
  }
}

}  // namespace hakmem
