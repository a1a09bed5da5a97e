// Owns: heaps that a program makes for itself: all blocks of one can go back at once.
// Called by: the frontend's arena functions.
// Never: an arena's memory given back to the system's address space; destroyed ones are reused.
#pragma once

#include <cstddef>

#include "heap/threads/thread_heap.h"

namespace hakmem {

// An arena is a thread heap that belongs to no thread: the owner of its slabs is the arena itself,
// so that free(), whoever calls it, sends its blocks home through the inbox. One thread at a time
// allocates from it, frees by arena_free, resets or destroys it; a second one that comes upon the
// first aborts with a message that names `function`.

// nullptr when memory is exhausted.
ThreadHeap* create_arena();

// From the arena; `alignment` is a power of two. nullptr when memory is exhausted.
void* arena_allocate(ThreadHeap& arena, size_t alignment, size_t size, const char* function);

// Frees a block of the arena without the detour through the inbox. Misuse aborts with a message
// that names `function`.
void arena_free(ThreadHeap& arena, void* block, const char* function);

// Frees every block. The slabs in use stay for the next allocations.
void reset_arena(ThreadHeap& arena, const char* function);

// Frees every block and the arena.
void destroy_arena(ThreadHeap& arena, const char* function);

// The live extents of arenas, for whoever allocates and frees one.
void enlist_arena_extent(ThreadHeap& arena, Span& extent);
void strike_arena_extent(Span& extent);

// In a child of a fork: whether a lost thread was changing the lists of extents.
bool arena_lists_are_torn_in_child();

}  // namespace hakmem
