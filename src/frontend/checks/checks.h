// Owns: the checks of research mode (HAKMEM_CHECKS): blocks with canaries and call sites, delayed
// reuse, guard pages.
// Called by: general.cc for threads without a heap, life_cycle.cc.
// Never: reached in a process without the checks, but for one test on the way of a thread that has
// no heap.
//
// With the checks on no thread gets a heap: its pointer stays at the sentinel, whose lists always
// miss, so that every malloc comes here by way of its slow half. The blocks are of one arena, whose
// slabs no thread owns, so that every free does too. Other modes pay nothing.
//
// What it costs: one lock for all threads; 48 bytes before each block and 16 behind it; freed
// blocks are written over, read again and held back until kMostHeld bytes of them wait; extents
// take up to two pages more, and two system calls for each guard, one when they are freed.
#pragma once

#include <cstddef>

#include "frontend/api/call.h"

namespace hakmem {

// From start-up on, the answer stays what it is.
bool checks_are_on();

// malloc's semantics; nullptr when memory is exhausted. `alignment` is a power of two. Thread-safe,
// as all here; misuse of other blocks that shows meanwhile ends the process with a message.
void* checked_allocate(size_t alignment, size_t size, const void* site);
void* checked_allocate_zeroed(size_t size, const void* site);

// Each of these is about a block of the checks, or about none: then false, and nothing is done.
inline constexpr size_t kAnySize = ~size_t{0};
// `size` is what the program says that the block was asked for.
bool checked_free(void* address, size_t size, const Call& call);
// Always moves, but to shrink where memory is exhausted. `result` is nullptr when it cannot.
bool checked_reallocate(void* address, size_t size, const Call& call, void*& result);
// The size that the block was asked for.
bool checked_size(void* address, const Call& call, size_t& size);

// Gives back what waits for its reuse; what was written to meanwhile ends the process.
void release_held_blocks(const Call& call);

// Of the heap's blocks that wait: the heap counts them as allocated.
size_t held_bytes();

// Looks at every block, live and freed, for writes where none may be.
void check_all_blocks(const Call& call);

// If a fault at `address` hit a guard of a block: describes it on stderr.
bool describe_guard_fault(const void* address, const Call& call);

// Behind the heap's.
void checks_after_fork_in_child();

}  // namespace hakmem
