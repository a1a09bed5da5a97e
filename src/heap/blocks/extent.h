// Owns: allocations above 64 KiB (and those of large alignment): one span each.
// Called by: heap.cc, free_path.cc, trimming.
// Never: a header in or beside the user's memory.
#pragma once

#include <cstddef>

#include "heap/pages/huge_page.h"
#include "heap/span.h"
#include "heap/threads/thread_heap.h"

namespace hakmem {

// Larger requests are refused: they would not fit the units that extents are counted in.
inline constexpr size_t kLargestExtent = size_t{1} << 40;
// Descriptors are committed up to an aligned address: 4 KiB per 2 MiB.
inline constexpr size_t kLargestAlignment = size_t{4} << 30;

// `heap` is the calling thread's or an arena. `alignment` is a power of two of any
// size. `caller`: the return address of the program's call; nullptr: unknown. nullptr when memory
// is exhausted. The span's `zeroed` tells whether it reads as zeros.
Span* allocate_extent(ThreadHeap* heap, size_t bytes, size_t alignment, const void* caller);

// From the block's start on, which lies `first_block` bytes behind the span's.
size_t usable_bytes(const Span& extent);

// Keeps the extent for the thread, or gives it to the page heap.
void free_extent(Span* extent);

// Resizes in place; false when that is impossible. `bytes` is above kSlabLimit.
bool resize_extent(Span* extent, size_t bytes);

// Gives the cached spans of all threads to the page heap. From any thread.
void drop_all_caches();
// The same for caches that their threads have not used for the hold time. Returns the nanoseconds
// until more may be idle, 0 when all caches are empty. One caller at a time.
uint64_t drop_idle_caches();

// A span from the page heap; when memory is short, once more with what the caches of all threads
// held. nullptr when that does not help.
Span* allocate_span(Slices length, Slices alignment, Backing backing);

}  // namespace hakmem
