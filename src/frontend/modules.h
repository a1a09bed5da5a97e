// Owns: which modules the configuration asks for, and what they take over.
// Called by: the life cycle; the first safe point.
// Never: a module loaded that nobody asked for.
#pragma once

namespace hakmem {

// Whether there is anything to load.
bool modules_are_wanted();

// Loads them, in a process that has one thread. What cannot be had leaves the next tier in place.
// HAKMEM_VERBOSE's table waits for it.
void load_modules();

}  // namespace hakmem
