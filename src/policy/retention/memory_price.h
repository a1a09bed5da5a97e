// Owns: the exchange rate between memory and time, and what follows from it for freed memory.
// Called by: the hold times.
// Never: the act itself, a clock; every time is a duration since the free.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "policy/retention/cost_estimates.h"
#include "policy/retention/memory_decision.h"
#include "policy/retention/memory_terms.h"

namespace hakmem {

// Memory that is free and backed pays rent; to give it back and touch it again has a cost. It is
// held until both are equal (ski rental; Karlin, Manasse, Rudolph, Sleator 1988): rent and costs
// together are at most twice what they would be with knowledge of the future, and no deterministic
// rule without that knowledge does better. The purge of memory that nobody ever touches again
// counts with the touch that brought it. Where the bounds of the hold time cut in, the bound of two
// does not hold.
//
// All functions are safe from any thread and never fail. The estimates belong to the caller and
// outlive the price.
class MemoryPrice {
 public:
  // Nanoseconds per MiB and second: small pages are held about 250 ms at the costs that
  // CostEstimates starts with.
  static constexpr uint64_t kDefaultBase = 1'500'000;

  explicit constexpr MemoryPrice(const CostEstimates& costs) : costs_(costs) {}

  // Nanoseconds per MiB and second; 0: memory is free, keep it for ever.
  void set_base(uint64_t price);
  // Multiplies the base price; below 100 counts as 100.
  void set_pressure(uint32_t percent);

  // The base price under the present pressure; saturates.
  uint64_t price() const;

  // Nanoseconds after which the rent of freed memory has reached what a purge and the faults after
  // it cost; kShortestHold to kLongestHold, or kForever. The larger, the shorter: a purge's fixed
  // cost is spread over `bytes`, or over the band's size.
  uint64_t hold_time(MemoryKind kind, size_t bytes) const;
  uint64_t hold_time(MemoryKind kind, SizeBand band) const;

 private:
  const CostEstimates& costs_;
  std::atomic<uint64_t> base_{kDefaultBase};
  std::atomic<uint32_t> pressure_{100};  // percent
};

}  // namespace hakmem
