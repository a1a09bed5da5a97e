// Owns: the check of the whole heap against itself.
// Called by: debug builds in a child of a fork; tests, while no other thread is in the heap.
// Never: a change.
#pragma once

namespace hakmem {

// What contradicts itself; nullptr: nothing. Owned heaps of other threads are not looked at.
const char* verify_heap();

}  // namespace hakmem
