// Owns: the instructions that a small malloc and a local free consist of.
// Called by: the exported symbols (inlined there) and heap.cc.
// Never: a feature check, a lock, an atomic read-modify-write, a call. Count instructions after
// every change here (docs/performance.md has the command).
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bits.h"
#include "base/thread_id.h"
#include "heap/page_heap.h"
#include "heap/slab.h"
#include "heap/thread_heap.h"

namespace hakmem {

// Pops from the slab's free list, nullptr if it takes the slow path: list empty or damaged.
inline void* pop_block(Span* slab) {
  Block* block = slab->free;
  if (HAKMEM_UNLIKELY(block->marker != slab)) return nullptr;
  slab->free = block->next;
  block->marker = nullptr;
  return block;
}

// `size` is at most kDirectLimit.
inline void* try_allocate_small(ThreadHeap* heap, size_t size) {
  return pop_block(heap->direct[(size + kMinimumBlock - 1) / kMinimumBlock]);
}

// Frees a block of a slab that the calling thread owns; false, with nothing changed, in every
// other case. One compare each for: ours and aligned, owned and not full, not free already.
inline bool try_free_local(void* address) {
  Span* slab;
  if (HAKMEM_UNLIKELY(!page_heap.map().find_block_in_first_region(address, slab))) return false;
  if (HAKMEM_UNLIKELY(folded_load(slab->owner) != this_thread())) return false;
  auto* block = static_cast<Block*>(address);
  if (HAKMEM_UNLIKELY(block->marker == slab)) return false;
  block->marker = slab;
  block->next = slab->free;
  slab->free = block;
  if (HAKMEM_UNLIKELY(--slab->outstanding == 0)) slab->heap->slab_emptied(*slab);
  return true;
}

}  // namespace hakmem
