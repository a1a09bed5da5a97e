// Owns: the check of the whole heap against itself.
// Called by: children of a fork where assertions are on; tests, while no other thread is in the
// heap. Never: a change.
#pragma once

namespace hakmem {

// What contradicts itself; nullptr: nothing. Owned heaps are not looked at: their threads may be
// changing them, be it the one that calls from a signal handler.
const char* verify_heap();

}  // namespace hakmem
