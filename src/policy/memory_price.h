// Owns: the exchange rate between memory and time, and what follows from it for freed memory.
// Called by: the hold times and the slow paths that decide about one large block.
// Never: the act itself, a clock; every time is a duration since the free.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "policy/cost_estimates.h"

namespace hakmem {

// Sizes that share a hold time: what fits into the band and not into the one before.
enum class SizeBand : uint8_t { k64KiB, k256KiB, k2MiB, k16MiB, kLarger };
inline constexpr size_t kSizeBands = 5;
// The size that a band stands for, in bytes. In kLarger the cost of the call has vanished.
inline constexpr std::array<size_t, kSizeBands> kBandSizes{
    size_t{64} << 10, size_t{256} << 10, size_t{2} << 20, size_t{16} << 20, size_t{128} << 20};

constexpr SizeBand band_of(size_t bytes) {
  size_t band = 0;
  while (band + 1 < kSizeBands && bytes > kBandSizes[band]) ++band;
  return static_cast<SizeBand>(band);
}

enum class MemoryAction : uint8_t {
  kKeep,      // stays backed
  kLazyFree,  // MADV_FREE at once: the kernel may take it, reuse before that costs nothing
  kPurge,     // MADV_DONTNEED at once
};

struct MemoryDecision {
  MemoryAction action;
  // Nanoseconds after the free at which memory that nobody reused is to be purged: resident memory
  // falls only then. 0 for kPurge; MemoryPrice::kForever: never.
  uint64_t until_ns;
};

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
  static constexpr uint64_t kForever = UINT64_MAX;
  static constexpr uint64_t kShortestHold = 1'000'000;     // nanoseconds
  static constexpr uint64_t kLongestHold = 1'000'000'000;  // nanoseconds
  // Reuse that is expected within this many hold times is not worth rent, but lazy freeing.
  static constexpr uint64_t kWarmFactor = 8;

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

  // For `bytes` that were just freed and are purged by one call. `expected_reuse_ns`: when they
  // are wanted again, counted from the free; 0: unknown. kLazyFree is never answered for parts of
  // huge pages: MADV_FREE would split them, 150 to 212 us on Linux 6.18.
  MemoryDecision decide(size_t bytes, MemoryKind kind, uint64_t expected_reuse_ns) const;

 private:
  const CostEstimates& costs_;
  std::atomic<uint64_t> base_{kDefaultBase};
  std::atomic<uint32_t> pressure_{100};  // percent
};

}  // namespace hakmem
