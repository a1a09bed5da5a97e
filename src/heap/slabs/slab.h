// Owns: a slab: carving blocks, its free list, what a pointer into it means.
// Called by: thread heaps (the owner) and, for checks, by whoever frees.
// Never: a lock; only the owner changes the first line of the descriptor.
#pragma once

#include "heap/slabs/size_class.h"
#include "heap/span.h"

namespace hakmem {

// The end of the free lists of classes above kDirectLimit, and of no slab's. Its marker is zero
// and so is no slab's mark: popping from an empty list fails the same compare that catches a
// damaged one. What the fast path pops from ends at a block of this kind in the slab itself, before
// the first block that is handed out.
extern constinit HAKMEM_HIDDEN Block kEndOfList;

// Makes a fresh span, which begins at `start`, ready to be a slab of `size_class` with no block
// carved; the caller publishes it by its kind. `colour` shifts the first block by that many cache
// lines, as far as the class's natural alignment allows: without it the first blocks of all slabs
// share one set of the L1 cache.
void initialize_slab(Span& slab, SizeClass size_class, uint32_t colour, void* start);

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

// The block behind `block` on a free list of a class up to kDirectLimit. Only the low bits of the
// link are believed, the others are the block's own: whatever was written over it leads to a place
// in the same slice, which is the slab.
inline Block* next_in_slice(const Block* block) {
  static_assert(kSliceSize == size_t{1} << 16);
  auto next = reinterpret_cast<uintptr_t>(block);
#if defined(__x86_64__)
  // One instruction; from the expression below GCC makes three.
  __asm__("movw %1, %w0" : "+r"(next) : "m"(block->next));
#else
  const auto link = reinterpret_cast<uintptr_t>(block->next);
  next = (next & ~(kSliceSize - 1)) | (link & (kSliceSize - 1));
#endif
  return reinterpret_cast<Block*>(next);
}

// The same for slabs of any class, whose link may lead anywhere above kDirectLimit.
inline Block* next_on_list(const Span& slab, const Block* block) {
  if (slab.block_size <= kDirectLimit) return next_in_slice(block);
  return __atomic_load_n(&block->next, __ATOMIC_ACQUIRE);
}

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

// Whether the free list of the slab, which begins at `start`, may go on at `block`.
inline bool may_be_next(const Span& slab, const Block* block, const void* start) {
  const size_t offset = reinterpret_cast<uintptr_t>(block) - reinterpret_cast<uintptr_t>(start);
  return block == slab.end || place_in_slab(slab, offset) == SlabPlace::kBlock;
}

// Whether `block` is on the slab's free list. Walks it; for blocks whose marker raises the
// suspicion. Safe from any thread as long as the caller's block is not handed out meanwhile: every
// link is checked to stay inside the slab.
bool is_on_free_list(const Span& slab, const Block* block, const void* start);

}  // namespace hakmem
