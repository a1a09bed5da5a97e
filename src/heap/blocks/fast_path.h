// Owns: the instructions that a small malloc and a local free consist of.
// Called by: the exported symbols (inlined there) and heap.cc.
// Never: a feature check, a lock, an atomic read-modify-write, a call. Count instructions after
// every change here (docs/performance.md has the command).
#pragma once

#include <string.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/bits.h"
#include "base/thread_id.h"
#include "heap/blocks/free_path.h"
#include "heap/pages/page_heap.h"
#include "heap/slabs/slab.h"
#include "heap/threads/thread_heap.h"

namespace hakmem {

// Pops from the free list of a slab of a class up to kDirectLimit, nullptr if it takes the slow
// path: list empty or damaged. Whatever the list was made to be, the block lies in the slab.
inline void* pop_block(Span* slab) {
  Block* block = slab->free;
  if (HAKMEM_UNLIKELY(block->marker != mark_of(*slab))) return nullptr;
  slab->free = next_in_slice(block);
  // In this order a child of a fork may find it: what is on the list is marked.
  __atomic_store_n(&block->marker, uintptr_t{0}, __ATOMIC_RELEASE);
  return block;
}

// The same above kDirectLimit: a link that leads out of the slab is damage.
inline void* pop_large_block(Span* slab) {
  Block* block = slab->free;
  if (HAKMEM_UNLIKELY(block->marker != mark_of(*slab))) return nullptr;
  const void* start = page_heap.map().start_of(slab);
  if (HAKMEM_UNLIKELY(!may_be_next(*slab, block->next, start))) return nullptr;
  slab->free = block->next;
  __atomic_store_n(&block->marker, uintptr_t{0}, __ATOMIC_RELEASE);
  return block;
}

// `size` is at most kDirectLimit.
inline void* try_allocate_small(size_t size) {
  return pop_block(direct_slab((size + kMinimumBlock - 1) / kMinimumBlock));
}

// Frees a block of a slab that `owner` owns; false, with nothing changed, in every other case. One
// compare each for: ours and aligned, owned and not full, not free already.
inline bool try_free_owned(void* address, uintptr_t owner) {
  Span* slab;
  if (HAKMEM_UNLIKELY(!page_heap.map().find_block_in_first_region(address, slab))) return false;
  if (HAKMEM_UNLIKELY(folded_load(slab->owner) != owner)) return false;
  auto* block = static_cast<Block*>(address);
  if (HAKMEM_UNLIKELY(block->marker == mark_of(*slab))) return false;
  block->marker = mark_of(*slab);
  block->next = slab->free;
  __atomic_store_n(&slab->free, block, __ATOMIC_RELEASE);
  if (HAKMEM_UNLIKELY(--slab->outstanding == 0)) {
    // Keeps the descriptor's address, which only this needs, off the fast path.
    uintptr_t mark = mark_of(*slab);
    __asm__("" : "+r"(mark));
    slab_of_mark(mark)->heap->slab_emptied(*slab_of_mark(mark));
  }
  return true;
}

inline bool try_free_local(void* address) {
  return try_free_owned(address, this_thread());
}

// The bytes that may be used at `address`; 0 where that is not plain to see: not the start of a
// block in the first slice of a slab, or a block that may be free.
inline size_t try_usable_size(const void* address) {
  Span* slab;
  if (HAKMEM_UNLIKELY(!page_heap.map().find_block_in_first_region(address, slab))) return 0;
  if (HAKMEM_UNLIKELY(slab->kind.load(std::memory_order_relaxed) != SpanKind::kSlab)) return 0;
  const size_t offset = reinterpret_cast<uintptr_t>(address) % kSliceSize;
  if (HAKMEM_UNLIKELY(place_in_slab(*slab, offset) != SlabPlace::kBlock)) return 0;
  const uintptr_t marker = static_cast<const Block*>(address)->marker;
  if (HAKMEM_UNLIKELY(marker - mark_of(*slab) <= 1)) return 0;
  return slab->block_size;
}

// Whether realloc leaves a block of `bytes` where it is. Shrinking below half is worth a move.
inline bool fits_in_place(size_t bytes, size_t size) {
  return size <= bytes && (size >= bytes / 2 || bytes <= kDirectLimit / 8);
}

// realloc between small sizes; nullptr, with nothing changed, where it takes the slow path.
inline void* try_reallocate_small(void* address, size_t size) {
  if (size - 1 >= kDirectLimit) return nullptr;
  const size_t bytes = try_usable_size(address);
  if (HAKMEM_UNLIKELY(bytes == 0)) return nullptr;
  if (fits_in_place(bytes, size)) return address;
  void* moved = try_allocate_small(size);
  if (HAKMEM_UNLIKELY(moved == nullptr)) return nullptr;
  memcpy(moved, address, std::min(bytes, size));
  if (HAKMEM_UNLIKELY(!try_free_local(address))) free_slow(address, "realloc");
  return moved;
}

}  // namespace hakmem
