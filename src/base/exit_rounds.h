// Owns: how far the calling thread is on its way out.
// Called by: the exit hook, which counts; whoever would give the thread a heap.
// Never: a heap left to a thread that has no hook ahead any more.
#pragma once

namespace hakmem {

// Keys' destructors run in rounds as long as there are new values, at most
// PTHREAD_DESTRUCTOR_ITERATIONS times. With a value in each, ours runs in all of them. True where
// one more will follow.
bool begin_exit_round();

// Whether the calling thread's exit hook has run; whether for the last time.
bool thread_is_ending();
bool thread_has_no_exit_left();

// For a thread of ours.
void never_give_a_heap();

}  // namespace hakmem
