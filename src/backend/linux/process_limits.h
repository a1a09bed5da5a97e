// Owns: what the process may use and what it does use, as the kernel tells it.
// Called by: kLinuxBackend.
// Never: a failure when /proc is absent; every answer has a fallback.
#pragma once

#include "backend/backend.h"

namespace hakmem {

MemoryLimits process_memory_limits();

// VmRSS by /proc/self/statm (proc(5)); 0 without /proc.
size_t process_resident_bytes();

}  // namespace hakmem
