// Owns: what becomes of one piece of freed memory, by when it is expected back.
// Called by: call_sites.cc.
// Never: the act itself, a clock, a price; the hold time has them in it.
#pragma once

#include <cstdint>

#include "policy/retention/memory_terms.h"

namespace hakmem {

// The bounds of hold times, in nanoseconds. However dear memory is to get back: a process that
// sleeps has returned it after three seconds, which takes up to five of them.
inline constexpr uint64_t kShortestHold = 1'000'000;
inline constexpr uint64_t kLongestHold = 600'000'000;
// Lazily freed memory is in the resident size that people look at.
inline constexpr uint64_t kLongestLazy = 2'000'000'000;
// Reuse that is expected within this many hold times, and by then, is not worth rent, but lazy
// freeing.
inline constexpr uint64_t kWarmFactor = 8;

// When freed memory is wanted again, in nanoseconds from the free.
struct ExpectedReuse {
  uint64_t ns = 0;       // 0: unknown
  bool learned = false;  // else at the earliest then
};

enum class ThermalClass : uint8_t {
  kHot,   // back before its rent exceeds what giving it back would cost
  kWarm,  // back within several hold times, or unknown
  kCold,  // back later, or nothing came back for that long
};

// For memory that is worth holding for `hold_ns`.
ThermalClass thermal_class(ExpectedReuse expected, uint64_t hold_ns);

// For memory that was just freed and is worth holding for `hold_ns`. kLazyFree is only answered
// where `may_be_lazily_freed`: not for parts of huge pages, which MADV_FREE would split, 150 to 212
// us on Linux 6.18. A pure function.
MemoryDecision decide(uint64_t hold_ns, ExpectedReuse expected, bool may_be_lazily_freed);

}  // namespace hakmem
