// Owns: all thread heaps: making them, handing abandoned ones to new threads, surviving fork.
// Called by: the first malloc of a thread, its exit, the fork handlers, statistics.
// Never: a heap freed; heaps are recycled, so that late remote frees always find one.
#pragma once

#include "heap/thread_heap.h"

namespace hakmem {

// Gives the calling thread a heap: an abandoned one or a new one. nullptr when memory is exhausted.
ThreadHeap* acquire_thread_heap();

// A heap for an arena: a destroyed one or a new one. nullptr when memory is exhausted.
ThreadHeap* acquire_arena_heap();

// The calling thread is ending: its empty slabs go back, the heap waits for the next thread.
// Nothing happens for a thread without a heap. It may get another one later (destructors that
// run after ours allocate).
void abandon_thread_heap();

// All heaps ever made, linked by next_registered.
ThreadHeap* first_registered_heap();
size_t thread_heap_bytes();

// Around fork, in this order with the page heap's lock inside.
void registry_before_fork();
void registry_after_fork_in_parent();
// Heaps of the threads that are not in the child become abandoned, or frozen if the fork caught
// them half changed. Arenas stay what they are, unless they are frozen.
void registry_after_fork_in_child();

}  // namespace hakmem
