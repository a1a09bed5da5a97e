// Owns: what the configuration and the system together make of huge pages.
// Called by: the life cycle (start-up), the page heap (before its first promotion), the background
// thread, the
// configuration's and the statistics' print.
// Never: a file read at start-up.
#pragma once

#include <cstdint>

#include "settings/configuration.h"

namespace hakmem {

// Sets the knobs of promotion as configured, and has the page heap ask for the system's settings
// before it promotes.
void prepare_huge_pages(const Configuration& settings);

// Brings memory in use of a large process from small pages to huge ones, once it has stayed in use
// for seconds, at 1/64 of a CPU. Returns the nanoseconds until it wants to be called again; 0: not
// before the process has grown (has_grown_since_collapse).
uint64_t collapse_settled_memory();
bool has_grown_since_collapse();

// What the system has set and what follows from it, as lines of the configuration's table.
void print_huge_pages(int descriptor);

// Bytes of the heap's promoted memory that lie on huge pages; UINT64_MAX where the kernel does not
// tell.
uint64_t bytes_on_huge_pages();

}  // namespace hakmem
