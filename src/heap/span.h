// Owns: the descriptor of a slice (the page map's element) and the header of a free block.
// Called by: the whole heap.
// Never: inside user memory, except Block in blocks that are free.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/units.h"

namespace hakmem {

struct Span;
struct ThreadHeap;

// A free block of a slab. `marker` is its slab's mark for as long as the block is free and is
// cleared when it is handed out: that is how a double free shows, and a write into a free block.
// One more than that while the block travels from the thread that freed it to its owner.
struct Block {
  Block* next;
  uintptr_t marker;
};

// The distance of a slab's mark from its descriptor. Odd, so that no pointer to a descriptor, of
// which memory has many, is a mark. The fast path holds marks and reaches descriptors by it, at no
// instruction.
inline constexpr uintptr_t kMarkDistance = 1;

inline uintptr_t mark_of(const Span& slab) {
  return reinterpret_cast<uintptr_t>(&slab) + kMarkDistance;
}

inline Span* slab_of_mark(uintptr_t mark) {
  return reinterpret_cast<Span*>(mark - kMarkDistance);
}

inline uintptr_t travelling(const Span& slab) {
  return mark_of(slab) + 1;
}

enum class SpanKind : uint8_t {
  kFree = 0,        // nothing starts here: free, never used, or behind the start of an extent
  kSlab,            // the first slice of a slab
  kSlabInterior,    // a later slice of a slab of several
  kExtent,          // the first slice of a live extent
  kCached,          // the first slice of a freed extent or slab in a thread's cache
  kExtentInterior,  // a later slice of a live extent that was marked so; see enclosing_block.h
};

enum class SlabState : uint8_t {
  kCurrent,    // its heap allocates from it; `outstanding` is not kept
  kAvailable,  // has free or uncarved blocks, waits in its class's queue
  kFull,       // every carved block is out
};

// One per slice, 128 bytes, zero when never used. The page map is the array of them: the
// descriptor of an address is one subtraction and one shift away, with no load in between.
// First line: the owner's alone, written by every malloc. Second line: what a thread that frees
// remotely reads; were `owner` beside `free`, every remote free would pull the line that
// the owner is writing.
struct alignas(128) Span {
  Block* free;           // LIFO, ends at `end`
  uint32_t outstanding;  // blocks not in `free`; exact unless kCurrent
  SlabState state;
  bool zeroed;    // extent that still reads as zeros
  uint32_t site;  // extent: who asked for it; 0: unknown
  Span* next;
  Span* previous;
  Block* end;  // of its free list; see end_of_list

  // The thread pointer of the owner, 0 when no live thread owns it. The lowest bit is set where a
  // free has to leave the fast path: the slab is full, or has several slices.
  alignas(64) std::atomic<uintptr_t> owner;
  ThreadHeap* heap;
  uint64_t reciprocal;   // 2^kReciprocalBits / block_size, rounded up
  uint32_t block_size;   // bytes
  uint32_t capacity;     // blocks that fit
  uint32_t first_block;  // offset of block 0, or of the extent's, from the span's start: the colour
  std::atomic<uint32_t> carved;  // blocks ever put on `free` or handed out
  uint32_t slices;               // of the span; for interiors: slices back to the first
  std::atomic<SpanKind> kind;
  uint8_t size_class;
};

static_assert(sizeof(Span) == 128);
inline constexpr uint32_t kSpanShift = 7;

// Enough that multiplying by the reciprocal divides any offset in a slab exactly.
inline constexpr uint32_t kReciprocalBits = 40;

}  // namespace hakmem
