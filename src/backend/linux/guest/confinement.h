// Owns: the signs that a program has given up rights, or put itself under a filter.
// Called by: the background thread, before each of its steps, and before it makes a ring.
// Never: a descriptor of the program's table taken.
#pragma once

namespace hakmem {

// From here on, by the calling thread. Without descriptors of its own, or without /proc, nothing is
// watched.
void watch_confinement();

// Whether the process' first thread has other rights, filters or capabilities than the calling one,
// which then is outside of what the program has set up; or the calling one has a filter more than
// it began with. Reads two files of /proc, 25 us. The first call of a look is a read, which filters
// allow that allow anything; all others follow only where no filter was found.
bool was_confined();

// Whether the calling thread, which watches, is under no filter at all; false where nothing is
// watched. Reads a file of /proc, 12 us.
bool is_free_of_filters();

}  // namespace hakmem
