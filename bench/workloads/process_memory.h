// Owns: what the kernel says of this process's memory.
// Called by: main.cc after a scenario.
// Never: called while a phase is timed.
#pragma once

#include <cstdint>

struct ProcessMemory {
  uint64_t peak_rss_kib;  // VmHWM: of this program alone, unlike ru_maxrss, which exec inherits
  uint64_t rss_kib;
  uint64_t minor_faults;
};

ProcessMemory process_memory();
