// Owns: the arithmetic from a measurement to an estimate.
// Called by: see cost_estimates.h.
// Never: a read-modify-write; a lost sample is cheaper.
#include "policy/retention/cost_estimates.h"

#include <algorithm>
#include <bit>

#include "policy/retention/running_estimate.h"

namespace hakmem {

namespace {

// One preempted measurement less than doubles an estimate; of a host that turned cold, 60 times as
// dear, four fifths are known after 16 huge pages. A page alone counts for a sixteenth: whatever
// else happens meanwhile, an interrupt, a cold cache, is of its size.
constexpr uint32_t kShift = 3;

uint32_t shift_for(size_t bytes) {
  const size_t part = CostEstimates::kFullSample / std::min(bytes, CostEstimates::kFullSample);
  return kShift + static_cast<uint32_t>(std::bit_width(part) - 1);
}

void record(std::atomic<uint64_t>& estimate, size_t bytes, uint64_t ns) {
  if (bytes < CostEstimates::kSmallestSample) return;
  constexpr uint64_t kLongest = uint64_t{1} << 43;  // 2.4 hours; times a MiB still fits
  const uint64_t per_mib = (std::min(ns, kLongest) << 20) / bytes;
  const uint64_t sample = std::min(per_mib, CostEstimates::kDearest);
  estimate.store(follow(estimate.load(std::memory_order_relaxed), sample, shift_for(bytes)),
                 std::memory_order_relaxed);
}

}  // namespace

void CostEstimates::record_purge(MemoryKind kind, size_t bytes, uint64_t ns) {
  record(purge_[static_cast<size_t>(kind)], bytes, ns - std::min(ns, kPurgeCall));
}

void CostEstimates::record_fault(MemoryKind kind, size_t bytes, uint64_t ns) {
  record(fault_[static_cast<size_t>(kind)], bytes, ns);
}

uint64_t CostEstimates::purge_per_mib(MemoryKind kind) const {
  return purge_[static_cast<size_t>(kind)].load(std::memory_order_relaxed);
}

uint64_t CostEstimates::fault_per_mib(MemoryKind kind) const {
  return fault_[static_cast<size_t>(kind)].load(std::memory_order_relaxed);
}

}  // namespace hakmem
