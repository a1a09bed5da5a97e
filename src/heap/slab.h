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

// Makes a fresh span ready to be a slab of `size_class` with no block carved; the caller publishes
// it by its kind. `colour` shifts the first block by that many cache lines, as far as the class's
// natural alignment allows: without it the first blocks of all slabs share one set of the L1 cache.
void initialize_slab(Span& slab, SizeClass size_class, uint32_t colour);

// Makes `thread` the owner (0: nobody), for the slab's present state.
void set_owner(Span& slab, uintptr_t thread);

inline constexpr size_t kCarveBytes = 4096;

inline bool is_carvable(const Span& slab) {
  return slab.carved.load(std::memory_order_relaxed) < slab.capacity;
}

// Puts a few more blocks on the free list, about kCarveBytes, so that untouched memory stays
// untouched. False when the slab is carved to its end.
bool carve(Span& slab, void* start);

// Forgets the order of the free list: the slab is empty and is carved anew from its start.
void reset_empty_slab(Span& slab);

// Of a slab that a lost thread may have been changing: counts its blocks anew by its free list. A
// block that was on its way to or from the list counts as out.
void mend_slab(Span& slab, void* start);

// What lies at `offset` from the slab's start.
enum class SlabPlace : uint8_t { kNoBlock, kNeverHandedOut, kBlock };

inline SlabPlace place_in_slab(const Span& slab, size_t offset) {
  const size_t distance = offset - slab.first_block;  // wraps before the first block
  if (distance > Slices{slab.slices}.bytes()) return SlabPlace::kNoBlock;
  const uint64_t index = distance * slab.reciprocal >> kReciprocalBits;
  if (index * slab.block_size != distance || index >= slab.capacity) return SlabPlace::kNoBlock;
  return index < slab.carved.load(std::memory_order_relaxed) ? SlabPlace::kBlock
                                                             : SlabPlace::kNeverHandedOut;
}

// Whether `block` is on the slab's free list. Walks it; for blocks whose marker raises the
// suspicion. Safe from any thread as long as the caller's block is not handed out meanwhile: every
// link is checked to stay inside the slab.
bool is_on_free_list(const Span& slab, const Block* block, const void* start);

}  // namespace hakmem
