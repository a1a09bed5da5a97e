// Owns: how soon memory that a call site freed is wanted by the same site again.
// Called by: call_sites.cc.
// Never: called for small blocks; a lock, a clock, a read-modify-write.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "policy/retention/memory_decision.h"

namespace hakmem {

// A bounded table of sites. What is measured is the time from a site's first free after an
// allocation to its next allocation. All functions are safe from any thread and never fail; threads
// that meet in an entry may leave a wrong estimate behind, which the next samples correct.
class ThermalTable {
 public:
  // Sites that the table remembers; the coldest of those that share a cache line with a new one is
  // forgotten.
  static constexpr size_t kSites = 512;

  // `site`: any hash; `now_ns`: nanoseconds of a monotonic clock, a coarse one will do.
  void freed(uint32_t site, uint64_t now_ns);
  void allocated(uint32_t site, uint64_t now_ns);

  // From a free to the site's next allocation: the estimate; or the present wait, once it is
  // longer.
  ExpectedReuse expected_reuse(uint32_t site, uint64_t now_ns);

 private:
  struct Reading;
  struct Entry {
    std::atomic<uint32_t> site{0};         // 0: empty
    std::atomic<uint32_t> interval_us{0};  // microseconds, the running estimate; 0: none yet
    // Nanoseconds without their lowest bit, which is set while a free waits for an allocation:
    // then the time of that free, else of the last allocation.
    std::atomic<uint64_t> since{0};

    Reading read(uint64_t now_ns) const;
  };
  static constexpr size_t kEntriesPerBucket = 4;
  static constexpr size_t kBuckets = kSites / kEntriesPerBucket;
  struct alignas(64) Bucket {
    std::array<Entry, kEntriesPerBucket> entries;
  };
  static_assert(sizeof(Bucket) == 64);

  Bucket& bucket_of(uint32_t site);
  // nullptr when the site is not in the table.
  Entry* find(uint32_t site);
  // An empty entry or the one to forget for the site.
  Entry& coldest(uint32_t site, uint64_t now_ns);

  std::array<Bucket, kBuckets> buckets_;
};

}  // namespace hakmem
