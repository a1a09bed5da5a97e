// Owns: what the process may use and what it does use, as the kernel tells it.
// Called by: start-up, threads of ours, statistics.
// Never: a failure when /proc is absent; every answer has a fallback.
#pragma once

#include <cstddef>

namespace hakmem {

// Both write process_facts, the latter by a file, without which nothing is charged.
void read_memory_limits();
void refresh_commit_charge();

// Threads by /proc/self/stat (proc(5)); 0 without /proc.
size_t process_threads();

// Page faults so far that needed no file (getrusage(2)).
size_t process_page_faults();

// VmRSS by /proc/self/statm (proc(5)); 0 without /proc.
size_t process_resident_bytes();

}  // namespace hakmem
