// Owns: which modules the configuration asks for, and what they take over.
// Called by: the life cycle's constructor.
// Never: a module loaded that nobody asked for.
#pragma once

namespace hakmem {

// Whether there is anything to load.
bool modules_are_wanted();

// Loads them, in a process that has one thread. What cannot be had leaves the next tier in place.
//
// Our constructor runs before libc's, which a dlopen would start without its arguments and its
// environment if what is opened needed libc: modules need no library at all.
void load_modules();

}  // namespace hakmem
