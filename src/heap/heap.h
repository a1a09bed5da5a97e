// Owns: the heap's interface: malloc's semantics without malloc's names.
// Called by: the frontend, unit tests.
// Never: errno, configuration, libc's allocator; those are the frontend's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "heap/threads/thread_heap.h"

namespace hakmem {

// All functions are thread-safe. Sizes are in bytes; blocks are 16-byte aligned at least. A null
// result means that memory is exhausted. `heap` is the calling thread's own, from thread_heap() or
// acquire_thread_heap(), never kNoHeap, or an arena.

// The slow half of malloc, for any size up to PTRDIFF_MAX. `caller`: the return address of the
// program's call, by which the reuse of large blocks is learned; nullptr: unknown.
void* heap_allocate(ThreadHeap* heap, size_t size, const void* caller = nullptr);
void* heap_allocate_zeroed(ThreadHeap* heap, size_t size, const void* caller = nullptr);
// `alignment` is a power of two.
void* heap_allocate_aligned(ThreadHeap* heap, size_t alignment, size_t size,
                            const void* caller = nullptr);

// False for addresses outside the heap. Misuse aborts with a message that names `function`.
bool heap_free(void* address, const char* function);

// The bytes that may be used at a live block; 0 for addresses outside the heap.
size_t heap_usable_size(void* address, const char* function);

// Whether a live block has, or now gets, room for `size` where it is.
bool heap_resize(void* address, size_t size, const char* function);

// `address` is a live block of the heap. Keeps the block where its size allows, moves it
// otherwise; nullptr leaves it untouched. `size` is not 0.
void* heap_reallocate(ThreadHeap* heap, void* address, size_t size, const char* function,
                      const void* caller = nullptr);

// Gives back to the kernel what no block needs: cached extents of all threads, retained spans,
// keeping at most `keep` bytes retained. Returns the bytes given back.
size_t heap_trim(size_t keep);

// As heap_trim(0), but for what the calling thread itself has to settle: callable from a helper.
void heap_give_back();

// What a background thread does: purges what lay idle, a step's worth of it, the caches of threads
// that sleep included, and what is above the limit. Returns the nanoseconds until the next step, 0
// when there is nothing left to do.
uint64_t heap_maintain();

struct HeapStatistics {
  size_t allocated_bytes;     // in live blocks, rounded up to their class
  size_t free_blocks;         // of slabs, their unused ends and cached extents as one each
  size_t active_bytes;        // in slabs and extents that hold live blocks
  size_t retained_bytes;      // free, kept backed for reuse
  size_t lazily_freed_bytes;  // of those, the kernel's when it is short
  size_t mapped_bytes;        // committed for data
  size_t metadata_bytes;
  // Of allocated, active and mapped, in blocks that have a mapping of their own; the frontend's.
  size_t apart_blocks;
  size_t apart_bytes;
  // Allocations served from the thread's own freed extents: of up to 128 KiB, 256 KiB, 512 KiB ...
  std::array<uint64_t, SpanCache::kDoublings> extent_cache_hits;

  // Slabs made of the thread's own emptied ones.
  uint64_t slab_cache_hits;

  uint64_t all_extent_cache_hits() const {
    uint64_t sum = 0;
    for (const uint64_t hits : extent_cache_hits) sum += hits;
    return sum;
  }
};

// A snapshot; while other threads allocate, each number is right for some moment of its own, and
// blocks on another thread's current slab are counted as its free list shows them.
HeapStatistics heap_statistics();

}  // namespace hakmem
