// Owns: the arithmetic of rent and costs.
// Called by: see memory_price.h.
// Never: a product that wraps; whatever is multiplied is bounded first.
#include "policy/retention/memory_price.h"

#include <algorithm>

namespace hakmem {

void MemoryPrice::set_base(uint64_t price) {
  base_.store(price, std::memory_order_relaxed);
}

void MemoryPrice::set_pressure(uint32_t percent) {
  pressure_.store(std::max(percent, uint32_t{100}), std::memory_order_relaxed);
}

uint64_t MemoryPrice::price() const {
  const uint64_t base = base_.load(std::memory_order_relaxed);
  const uint64_t percent = pressure_.load(std::memory_order_relaxed);
  uint64_t price = 0;
  const bool wraps = __builtin_mul_overflow(base / 100, percent, &price) ||
                     __builtin_add_overflow(price, base % 100 * percent / 100, &price);
  return wraps ? UINT64_MAX : price;
}

uint64_t MemoryPrice::hold_time(MemoryKind kind, size_t bytes) const {
  constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;
  constexpr uint64_t kMib = uint64_t{1} << 20;
  constexpr uint64_t kDearestCall =
      CostEstimates::kPurgeCall * kMib / CostEstimates::kSmallestSample;
  static_assert(2 * CostEstimates::kDearest + kDearestCall < UINT64_MAX / kNanosecondsPerSecond);
  const uint64_t rent = price();
  if (rent == 0) return kForever;
  const uint64_t call =
      CostEstimates::kPurgeCall * kMib / std::max(bytes, CostEstimates::kSmallestSample);
  const uint64_t cost = costs_.purge_per_mib(kind) + costs_.fault_per_mib(kind) + call;
  return std::clamp(cost * kNanosecondsPerSecond / rent, kShortestHold, kLongestHold);
}

uint64_t MemoryPrice::hold_time(MemoryKind kind, SizeBand band) const {
  return hold_time(kind, kBandSizes[static_cast<size_t>(band)]);
}

}  // namespace hakmem
