// Owns: the arithmetic of rent and costs.
// Called by: see memory_price.h.
// Never: a product that wraps; whatever is multiplied is bounded first.
#include "policy/memory_price.h"

#include <algorithm>

#include "base/units.h"

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

MemoryDecision MemoryPrice::decide(size_t bytes, MemoryKind kind,
                                   uint64_t expected_reuse_ns) const {
  const uint64_t hold = hold_time(kind, bytes);
  if (hold == kForever) return {MemoryAction::kKeep, kForever};
  // Within the hold time, keeping is the optimum if the expectation is right. Reuse scatters around
  // it: twice the expectation is waited for where that is more than the hold time. Never less than
  // the hold time: given up at a multiple m of a short expectation e, memory that comes back right
  // after costs 1 + hold / (m e) times the optimum, without bound. Never more than twice the hold
  // time: a wrong expectation costs at most three times the optimum.
  if (expected_reuse_ns <= hold) {
    return {MemoryAction::kKeep, std::min(std::max(hold, expected_reuse_ns * 2), kLongestHold)};
  }
  // A wrong expectation costs one purge and its faults here, and the early reuse corrects it.
  if (expected_reuse_ns / kWarmFactor >= hold) return {MemoryAction::kPurge, 0};
  // The call costs less than a purge, what the kernel leaves costs no fault, and under pressure the
  // kernel takes it without asking; but it stays in the resident size until it is taken or purged.
  const bool splits = kind == MemoryKind::kHugePage && bytes % kHugePageSize != 0;
  if (splits) return {MemoryAction::kKeep, hold};
  return {MemoryAction::kLazyFree, expected_reuse_ns * 2};
}

}  // namespace hakmem
