// Owns: opening the file that a person named for a report.
// Called by: whatever prints to such a file.
// Never: a wait for a reader, a link followed, a device woken.
#pragma once

namespace hakmem {

// A descriptor to write to, or -1: `path` is neither a regular file, which is made or emptied, nor
// a pipe that somebody reads, a terminal or /dev/null. /dev/stdout and /dev/stderr are links, and
// name the process' own descriptors.
int open_report(const char* path);
void close_report(int descriptor);

}  // namespace hakmem
