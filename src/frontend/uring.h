// Owns: the module libhakmem-uring.so: whether it is there, its one lock.
// Called by: the wiring of modules, the life cycle (fork).
// Never: loaded from inside an allocation, or for a program with more rights than its user.
#pragma once

#include "backend/deadlines.h"

namespace hakmem {

// Loads the module from the library's own folder and makes the ring; once, at a safe point.
// False, after one line on stderr where the module itself is missing: the next way is taken.
bool load_uring();

// Of the loaded module. A child of a fork gets a ring of its own when it first arms something.
extern const Deadlines kUringDeadlines;
// False once there is no ring and none to be had: the program closed its descriptor, or a child was
// refused one.
bool ring_serves();
// See Backend::purge.
size_t purge_by_uring(const AddressRange* ranges, size_t count);

void uring_after_fork_in_child();

}  // namespace hakmem
