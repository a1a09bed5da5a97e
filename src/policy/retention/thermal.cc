// Owns: the table's look-up, eviction and estimates.
// Called by: see thermal.h.
// Never: a field read twice where the two must agree; other threads write between.
#include "policy/retention/thermal.h"

#include <algorithm>
#include <bit>

#include "policy/retention/running_estimate.h"

namespace hakmem {

namespace {

constexpr uint64_t kAwaits = 1;
constexpr uint64_t kNanosecondsPerMicrosecond = 1000;
// Sites change with the phases of a program: the estimate goes half the way at once.
constexpr uint32_t kShift = 1;
// What is shorter is hot whatever the hold time; what is longer is cold.
constexpr uint64_t kShortestInterval = kShortestHold / 2 / kNanosecondsPerMicrosecond;
constexpr uint64_t kLongestInterval = 2 * kWarmFactor * kLongestHold / kNanosecondsPerMicrosecond;
static_assert(kLongestInterval <= UINT32_MAX);

uint32_t key_of(uint32_t site) {
  return site == 0 ? 1 : site;  // 0 marks an empty entry
}

}  // namespace

// What an entry held at one moment, each field read once.
struct ThermalTable::Reading {
  uint64_t interval_ns;  // 0: none yet
  uint64_t age_ns;       // of the free that waits, or of the last allocation
  bool awaits;

  // A wait of twice the estimate refutes it.
  ExpectedReuse expected() const {
    const bool late = awaits && age_ns > interval_ns;
    return {.ns = late ? age_ns : interval_ns,
            .learned = interval_ns != 0 && (!awaits || age_ns / 2 <= interval_ns)};
  }
  uint64_t coldness_ns() const { return std::max(interval_ns, age_ns); }
};

ThermalTable::Reading ThermalTable::Entry::read(uint64_t now_ns) const {
  const uint64_t changed = since.load(std::memory_order_relaxed);
  const uint64_t then = changed & ~kAwaits;
  return {interval_us.load(std::memory_order_relaxed) * kNanosecondsPerMicrosecond,
          now_ns - std::min(now_ns, then), (changed & kAwaits) != 0};
}

ThermalTable::Bucket& ThermalTable::bucket_of(uint32_t site) {
  constexpr uint32_t kGoldenRatio = 0x9E3779B1;  // 2^32 over it: hashes may differ in any bits
  constexpr uint32_t kUnused = 32 - std::countr_zero(kBuckets);
  return buckets_[(site * kGoldenRatio) >> kUnused];
}

ThermalTable::Entry* ThermalTable::find(uint32_t site) {
  for (Entry& entry : bucket_of(site).entries) {
    if (entry.site.load(std::memory_order_relaxed) == key_of(site)) return &entry;
  }
  return nullptr;
}

ThermalTable::Entry& ThermalTable::coldest(uint32_t site, uint64_t now_ns) {
  Entry* coldest = nullptr;
  uint64_t most = 0;
  for (Entry& entry : bucket_of(site).entries) {
    if (entry.site.load(std::memory_order_relaxed) == 0) return entry;
    const uint64_t coldness = entry.read(now_ns).coldness_ns();
    if (coldest != nullptr && coldness <= most) continue;
    coldest = &entry;
    most = coldness;
  }
  return *coldest;
}

void ThermalTable::freed(uint32_t site, uint64_t now_ns) {
  Entry* entry = find(site);
  if (entry == nullptr) {
    entry = &coldest(site, now_ns);
    entry->interval_us.store(0, std::memory_order_relaxed);
    entry->site.store(key_of(site), std::memory_order_relaxed);
  } else if (entry->read(now_ns).awaits) {
    return;
  }
  entry->since.store(now_ns | kAwaits, std::memory_order_relaxed);
}

void ThermalTable::allocated(uint32_t site, uint64_t now_ns) {
  Entry* const entry = find(site);
  if (entry == nullptr) return;
  const Reading reading = entry->read(now_ns);
  entry->since.store(now_ns & ~kAwaits, std::memory_order_relaxed);
  if (!reading.awaits) return;
  const uint64_t sample =
      std::clamp(reading.age_ns / kNanosecondsPerMicrosecond, kShortestInterval, kLongestInterval);
  const uint64_t interval = reading.interval_ns / kNanosecondsPerMicrosecond;
  const uint64_t next = interval == 0 ? sample : follow(interval, sample, kShift);
  entry->interval_us.store(static_cast<uint32_t>(next), std::memory_order_relaxed);
}

ExpectedReuse ThermalTable::expected_reuse(uint32_t site, uint64_t now_ns) {
  const Entry* const entry = find(site);
  return entry == nullptr ? ExpectedReuse{} : entry->read(now_ns).expected();
}

}  // namespace hakmem
