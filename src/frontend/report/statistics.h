// Owns: the list of statistics: gauges of the heap, what decisions rest on, counters.
// Called by: statistics_print.cc; the control API.
// Never: an allocation; a counter missing: they come from counters.def.
#pragma once

#include <cstddef>
#include <cstdint>

#include "heap/heap.h"

namespace hakmem {

// What the kernel does not tell.
inline constexpr uint64_t kUnknownValue = UINT64_MAX;

struct Statistic {
  const char* name;
  uint64_t value;
  const char* meaning;
};

inline constexpr size_t kMostStatistics = 96;

// Fills `statistics`, which has room for kMostStatistics; returns how many. Takes a walk over all
// slabs.
size_t collect_statistics(Statistic* statistics);

// The heap's, as the program sees it: what the checks hold back counts as free.
HeapStatistics statistics_of_heap();

}  // namespace hakmem
