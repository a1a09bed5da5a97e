// Owns: all thread heaps: making them, handing abandoned ones to new threads, surviving fork.
// Called by: the first malloc of a thread, its exit, the fork handlers, statistics.
// Never: a heap freed; heaps are recycled, so that late remote frees always find one.
#pragma once

#include "base/lock.h"
#include "heap/threads/thread_heap.h"

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

// Of the program that have a heap now: they made one, and their exit has not taken it back yet.
uint32_t threads_with_heap();

Lock& registry_lock();
void registry_after_fork_in_child();

}  // namespace hakmem
