// Owns: the hold times of all kinds and size bands, as plain numbers.
// Called by: what writes the knobs, whenever the price or the costs may have changed.
// Never: state.
#pragma once

#include <array>
#include <cstdint>

#include "policy/retention/memory_price.h"

namespace hakmem {

// Nanoseconds by MemoryKind and SizeBand; kForever where nothing is given back.
using HoldTimes = std::array<std::array<uint64_t, kSizeBands>, kMemoryKinds>;

// From any thread. The bands are read one after another: one that changes meanwhile may be new
// while the one before is old.
HoldTimes hold_times(const MemoryPrice& price);

}  // namespace hakmem
