// Owns: what the kernel says of this process's memory.
// Called by: main.cc and idle.cc after a phase, soak.cc, the scenarios about large memory.
// Never: called while a phase is timed, unless its own time is taken off the phase's.
#pragma once

#include <cstdint>

struct ProcessMemory {
  uint64_t peak_rss_kib;  // VmHWM: of this program alone, unlike ru_maxrss, which exec inherits
  uint64_t rss_kib;
  uint64_t minor_faults;
};

ProcessMemory process_memory();

// Takes 5 to 25 us on an idle machine, allocates nothing: /proc/self/statm, its descriptor kept.
// Not exact: the kernel adds up per-processor counts only roughly (proc_pid_statm(5)).
uint64_t resident_kib();

// Lines of /proc/self/maps. Allocates nothing; its time grows with the lines.
uint64_t mapping_count();

// AnonHugePages of /proc/self/smaps_rollup (proc_pid_smaps(5)), which walks all page tables.
uint64_t huge_page_kib();

// From here on peak_rss_kib counts anew: "5" to /proc/self/clear_refs (proc_pid_clear_refs(5)).
// Without the right to do so the peak stays what it was.
void forget_peak();
