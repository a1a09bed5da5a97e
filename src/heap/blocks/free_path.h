// Owns: the slow half of free: every pointer that is not a local block of a one-slice slab.
// Called by: heap.cc and the exported symbols when try_free_local says no.
// Never: a pointer accepted that is not the start of a live block.
#pragma once

#include <cstddef>

#include "heap/span.h"

namespace hakmem {

// What a pointer of the program's is found to be.
struct LiveBlock {
  Span* span;    // the first descriptor of its slab or extent; nullptr for foreign memory
  size_t bytes;  // usable
};

// Frees a block; false when the address is in none of our regions (the caller knows whose it is).
// Aborts with a message that names `function` on a double free or an invalid pointer.
bool free_slow(void* address, const char* function);

// The slab of a block that another thread freed and that has arrived with its owner; aborts when
// the block does not travel: it was freed twice.
Span& slab_of_arrived(Block* block);
// The same where more may be wrong: the owner is an arena, which a reset may have taken the block
// from meanwhile, or what led to the block lay in user memory.
Span& checked_slab_of_arrived(Block* block, const ThreadHeap& owner);

// Looks a live block up; aborts like free_slow on a freed or invalid one.
LiveBlock find_live_block(void* address, const char* function);

}  // namespace hakmem
