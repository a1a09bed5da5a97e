// Owns: making the heap whole in a child of a fork.
// Called by: the fork handler; a thread about to wait in a child that no handler has set up.
// Never: anything that a lost thread held waited for.
//
// A fork takes no lock, so the threads that the child lacks may have been anywhere. Descriptors and
// masks of slices are changed such that they are true after each store; lists and totals are made
// anew from them. A span or block that a lost thread had in its hands stays out for good.
#pragma once

namespace hakmem {

// What cannot wait: locks, the page heap, arenas, slabs without an owner. Whoever lost threads
// owned is left torn.
void heap_after_fork_in_child();

// Makes the torn heaps whole and abandoned: by the first who wants one, or frees into one.
void mend_torn_heaps();
// The same under the registry's lock.
void mend_torn_heaps_locked();

// An arena whose own lock, the caller's, a lost thread held.
struct ThreadHeap;
void mend_arena(ThreadHeap& arena);

}  // namespace hakmem
