// Owns: the decision about a piece of memory at a price, as the page heap takes it.
// Called by: the tests of the price.
// Never: a rule of its own.
#pragma once

#include "base/units.h"
#include "policy/retention/memory_price.h"

namespace hakmem {

inline MemoryDecision decide_at(const MemoryPrice& price, size_t bytes, MemoryKind kind,
                                uint64_t expected_reuse_ns) {
  const bool splits = kind == MemoryKind::kHugePage && bytes % kHugePageSize != 0;
  return decide(price.hold_time(kind, bytes),
                {.ns = expected_reuse_ns, .learned = expected_reuse_ns != 0}, !splits);
}

}  // namespace hakmem
