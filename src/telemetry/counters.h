// Owns: the counters of slow-path events, one table (counters.def).
// Called by: written by every layer, read by snapshots.
// Never: touched on a fast path.
#pragma once

#include <atomic>
#include <cstdint>

namespace hakmem {

struct Counters {
#define HAKMEM_COUNTER(name, meaning) std::atomic<uint64_t> name{0};
#include "telemetry/counters.def"
#undef HAKMEM_COUNTER
};

extern constinit Counters counters;

inline void count(std::atomic<uint64_t>& counter, uint64_t amount = 1) {
  counter.fetch_add(amount, std::memory_order_relaxed);
}

}  // namespace hakmem
