// Owns: the way from any address inside a block to the block.
// Called by: the frontend's checks.
// Never: on a fast path: it divides, and in extents it works only for those that were marked.
#pragma once

#include <cstddef>

#include "heap/span.h"

namespace hakmem {

// What the heap handed out, or may hand out, around an address.
struct EnclosingBlock {
  Span* span;    // the first descriptor of its slab or extent; nullptr: in neither
  void* start;   // nullptr: between the blocks of the slab, or of one that was never handed out
  size_t bytes;  // from `start` on
};

// From any thread; the answer lasts as long as the block, which the caller may not own.
EnclosingBlock enclosing_block(const void* address);

// Makes every slice of a live extent lead to its first: enclosing_block then finds it from anywhere
// inside. Costs a descriptor per slice, 128 bytes for 64 KiB.
void mark_interior(Span& extent);
// Before the extent is freed.
void unmark_interior(Span& extent);

}  // namespace hakmem
