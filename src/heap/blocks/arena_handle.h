// Owns: the numbers by which programs name arenas.
// Called by: the frontend's arena functions.
// Never: memory read by a number before the table vouches for it.
#pragma once

#include <cstdint>

#include "heap/threads/thread_heap.h"

namespace hakmem {

// A place in a table and a number that changes with each arena: what a program gives as an arena is
// one, one that is gone or none at all, and is told apart before anything is believed.
struct ArenaHandle {
  uintptr_t value = 0;  // 0: none
};

// Of an arena that has none. None when memory is exhausted.
ArenaHandle give_handle(ThreadHeap& arena);

// Whether the arena had this handle; from here on nothing has.
bool withdraw_handle(ThreadHeap& arena, ArenaHandle handle);

// nullptr where no arena has it.
ThreadHeap* arena_of(ArenaHandle handle);

}  // namespace hakmem
