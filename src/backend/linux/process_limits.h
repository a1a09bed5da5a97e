// Owns: what the process may use and what it does use, as the kernel tells it.
// Called by: kLinuxBackend.
// Never: a failure when /proc is absent; every answer has a fallback.
#pragma once

#include "backend/backend.h"

namespace hakmem {

MemoryLimits process_memory_limits();

// See Backend::commit_is_charged: as it was at the last look, which opens a file. At start-up, and
// by a thread of ours; false without /proc.
void refresh_commit_charge();
bool process_commit_is_charged();

// See Backend::address_space_allows. One getrlimit; reads /proc/self/statm only under a limit.
bool process_address_space_allows(size_t more, size_t reserved_uncommitted);

// Threads by /proc/self/stat (proc(5)); 0 without /proc.
size_t process_threads();

// Page faults so far that needed no file (getrusage(2)).
size_t process_page_faults();

// VmRSS by /proc/self/statm (proc(5)); 0 without /proc.
size_t process_resident_bytes();

}  // namespace hakmem
