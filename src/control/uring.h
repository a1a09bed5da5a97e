// Owns: the module libhakmem-uring.so: whether it is there; when there is a ring.
// Called by: the wiring of modules, the purge ladder, background.cc.
// Never: loaded for a program with more rights than its user; a ring on a thread of the program.
#pragma once

#include "backend/linux/memory/purge_ladder.h"

namespace hakmem {

// Loads the module from the library's own folder; in the constructor. False, after one line on
// stderr where the module itself is missing: the next way is taken.
bool load_uring();

// The rest by our thread, each step of which has a ring of its own: so none is older than the look
// at the process' rights that opens a step.

// See PurgeByRing. Makes the ring when the step first purges.
PurgeProgress purge_by_uring(const AddressRange* ranges, size_t count);
// The step is over.
void end_ring();
// The thread is new: what a fork copied in the middle of a step was the parent's.
void forget_ring();

}  // namespace hakmem
