// Owns: where each number comes from.
// Called by: see statistics.h.
// Never: two names for one thing.
#include "frontend/report/statistics.h"

#include <algorithm>

#include "backend/linux/guest/process_limits.h"
#include "control/background.h"
#include "control/huge_pages.h"
#include "control/upkeep.h"
#include "frontend/checks/checks.h"
#include "frontend/dispatch/direct_maps.h"
#include "heap/heap.h"
#include "heap/pages/page_heap.h"
#include "policy/knobs.h"
#include "telemetry/counters.h"

namespace hakmem {
namespace {

constexpr size_t kCounters = 0
#define HAKMEM_COUNTER(name, meaning) +1
#include "telemetry/counters.def"
#undef HAKMEM_COUNTER
    ;
constexpr size_t kGauges = 23;
static_assert(kCounters + kGauges <= kMostStatistics);

// A program under a filter may be killed for asking.
uint64_t from_files(uint64_t (*read)()) {
  return is_confined() ? kUnknownValue : read();
}

}  // namespace

HeapStatistics statistics_of_heap() {
  HeapStatistics heap = heap_statistics();
  if (checks_are_on()) heap.allocated_bytes -= std::min(heap.allocated_bytes, held_bytes());
  const DirectMaps apart = direct_maps_in_use();
  heap.apart_blocks = apart.count;
  heap.apart_bytes = apart.bytes;
  heap.allocated_bytes += apart.bytes;
  heap.active_bytes += apart.bytes;
  heap.mapped_bytes += apart.bytes;
  return heap;
}

size_t collect_statistics(Statistic* statistics) {
  const HeapStatistics heap = statistics_of_heap();
  const CostEstimates& costs = cost_estimates();
  const auto purge = [&](MemoryKind kind) { return costs.purge_per_mib(kind); };
  const auto fault = [&](MemoryKind kind) { return costs.fault_per_mib(kind); };
  // From more than one size to another, in slices.
  const auto hits = [&](uint32_t above, uint32_t most) {
    uint64_t sum = 0;
    for (uint32_t doubling = above == 0 ? 0 : SpanCache::doubling_of({above + 1});
         doubling <= SpanCache::doubling_of({most}); ++doubling) {
      sum += heap.extent_cache_hits[doubling];
    }
    return sum;
  };
  constexpr uint32_t k256KiB = 4;
  constexpr uint32_t k2MiB = kSlicesPerHugePage;
  const NearestLimit limit = nearest_limit();
  const Statistic gauges[] = {
      {"allocated", heap.allocated_bytes, "bytes in live blocks"},
      {"active", heap.active_bytes, "bytes of slabs and extents with live blocks"},
      {"metadata", heap.metadata_bytes, "bytes committed for descriptors and heaps"},
      {"resident", from_files(process_resident_bytes), "bytes of the process in memory"},
      {"mapped", heap.mapped_bytes, "bytes committed for data"},
      {"retained", heap.retained_bytes, "bytes free and kept backed for reuse"},
      {"lazily_freed", heap.lazily_freed_bytes, "of retained, bytes that the kernel may take"},
      {"thp", from_files(bytes_on_huge_pages), "bytes of promoted memory that lie on huge pages"},
      {"page_faults", from_files(process_page_faults), "page faults of the process without a file"},
      {"extent_cache_hits", heap.all_extent_cache_hits(),
       "extents served from the thread's own freed ones"},
      {"extent_hits_256k", hits(0, k256KiB), "of those, up to 256 KiB"},
      {"extent_hits_2m", hits(k256KiB, k2MiB), "of those, up to 2 MiB"},
      {"extent_hits_large", hits(k2MiB, UINT32_MAX), "of those, larger"},
      {"slab_cache_hits", heap.slab_cache_hits, "slabs made of the thread's own emptied ones"},
      {"memory_price", memory_price().price(), "ns for holding an idle MiB for a second"},
      {"limit", limit.bytes, "bytes, of the limit on memory that is nearest; unknown: none seen"},
      {"headroom", limit.headroom, "bytes left below that limit"},
      {"small_purge_cost", purge(MemoryKind::kSmallPages), "ns to give a MiB back"},
      {"small_fault_cost", fault(MemoryKind::kSmallPages), "ns to touch a MiB anew"},
      {"small_hold", read_hold(MemoryKind::kSmallPages), "ms that free memory stays; 0: for ever"},
      {"huge_purge_cost", purge(MemoryKind::kHugePage), "ns to give a MiB back"},
      {"huge_fault_cost", fault(MemoryKind::kHugePage), "ns to touch a MiB anew"},
      {"huge_hold", read_hold(MemoryKind::kHugePage), "ms that free memory stays; 0: for ever"},
  };
  static_assert(sizeof gauges / sizeof *gauges == kGauges);
  size_t count_of_statistics = 0;
  for (const Statistic& gauge : gauges) statistics[count_of_statistics++] = gauge;
#define HAKMEM_COUNTER(name, meaning)                                                        \
  statistics[count_of_statistics++] = {#name, counters.name.load(std::memory_order_relaxed), \
                                       meaning};
#include "telemetry/counters.def"
#undef HAKMEM_COUNTER
  return count_of_statistics;
}

}  // namespace hakmem
