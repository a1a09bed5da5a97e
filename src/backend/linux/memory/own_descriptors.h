// Owns: whether the calling thread is one of ours, with a table of descriptors of its own.
// Called by: the background thread, which says so; whoever opens files, or makes more calls there.
// Never: a system call.
#pragma once

namespace hakmem {

// Whether files that the calling thread opens take no number of the program's table.
bool has_own_descriptors();
void set_own_descriptors(bool has);

}  // namespace hakmem
