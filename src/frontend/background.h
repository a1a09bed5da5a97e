// Owns: who gives idle memory back: the background thread, or whoever frees.
// Called by: the life cycle (start-up, fork), malloc's slow path (the safe point).
// Never: a thread made inside a free: glibc frees thread-local storage with the lock held that
// pthread_create needs.
#pragma once

#include <atomic>

#include "base/bits.h"

namespace hakmem {

// Lets the page heap hand purging over, as the configuration has it.
void prepare_background();

extern std::atomic<bool> background_wanted;
void make_background();

// The outermost end of a malloc: nothing of the heap is held or half done, so that the thread,
// which itself allocates, can be made here. Preserves errno.
inline void make_background_if_wanted() {
  if (HAKMEM_UNLIKELY(background_wanted.load(std::memory_order_relaxed))) make_background();
}

// Between the handlers of a fork nothing is made.
void hold_background(bool forking);

// "thread", "uring" or "none": a thread comes when there is something for it to do.
const char* background_in_use();

}  // namespace hakmem
