// Owns: how a running estimate follows its samples.
// Called by: the cost estimates and the thermal table.
// Never: state; the callers keep the estimate.
#pragma once

#include <algorithm>
#include <cstdint>

namespace hakmem {

// How far above the estimate a sample counts; the rest is taken for a preempted measurement.
inline constexpr uint64_t kOutlierFactor = 8;

// The estimate (1 to 2^60), moved by 1/2^shift of its distance to the sample (shift: 1 to 7). One
// outlier multiplies it by 1 + 7/2^shift at most; samples that stay large arrive at that rate per
// sample. It never falls below 2^shift - 1, from where larger samples still lift it.
constexpr uint64_t follow(uint64_t estimate, uint64_t sample, uint32_t shift) {
  const uint64_t bounded = std::min(sample, estimate * kOutlierFactor);
  return bounded >= estimate ? estimate + ((bounded - estimate) >> shift)
                             : estimate - ((estimate - bounded) >> shift);
}

}  // namespace hakmem
