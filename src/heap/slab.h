// Owns: a slab: carving blocks, its free list, what a pointer into it means.
// Called by: thread heaps (the owner) and, for checks, by whoever frees.
// Never: a lock; only the owner changes the first line of the descriptor.
#pragma once

#include "heap/size_class.h"
#include "heap/span.h"

namespace hakmem {

// The end of every free list. Its marker is null and so never names a slab: popping from an empty
// list fails the same compare that catches a damaged one.
extern constinit HAKMEM_HIDDEN Block kEndOfList;

// Makes a fresh span a slab of `size_class` with no block carved. `colour` shifts the first block
// by that many cache lines, as far as the class's natural alignment allows: without it the first
// blocks of all slabs share one set of the L1 cache.
void initialize_slab(Span& slab, SizeClass size_class, uint32_t colour);

// Makes `thread` the owner (0: nobody), for the slab's present state.
void set_owner(Span& slab, uintptr_t thread);

// Puts a few more blocks on the free list, about a page's worth, so that untouched memory stays
// untouched. False when the slab is carved to its end.
bool carve(Span& slab, void* start);

// Forgets the order of the free list: the slab is empty and is carved anew from its start.
void reset_empty_slab(Span& slab);

// True when `offset` from the slab's start is the first byte of a block.
inline bool is_block_start(const Span& slab, size_t offset) {
  if (offset < slab.first_block) return false;
  const auto distance = static_cast<uint32_t>(offset) - slab.first_block;
  return distance % slab.block_size == 0 && distance / slab.block_size < slab.capacity;
}

inline bool is_carved(const Span& slab, size_t offset) {
  return (static_cast<uint32_t>(offset) - slab.first_block) / slab.block_size <
         slab.carved.load(std::memory_order_relaxed);
}

// Whether `block` is on the slab's free list. Walks it; for blocks whose marker raises the
// suspicion. Safe from any thread as long as the caller's block is not handed out meanwhile: every
// link is checked to stay inside the slab.
bool is_on_free_list(const Span& slab, const Block* block, const void* start);

}  // namespace hakmem
