// Owns: the hakmem_* functions of the public header.
// Called by: programs that know us.
// Never: a layout of hakmem_statistics changed other than by growing at its end.
#include <errno.h>
#include <string.h>

#include <algorithm>

#include "backend/linux/guest/process_limits.h"
#include "control/huge_pages.h"
#include "control/upkeep.h"
#include "frontend/api/export.h"
#include "frontend/report/statistics.h"
#include "frontend/report/statistics_print.h"
#include "frontend/version.h"
#include "hakmem/hakmem.h"
#include "heap/heap.h"
#include "heap/pages/page_heap.h"
#include "policy/knobs.h"
#include "settings/configuration.h"
#include "telemetry/counters.h"

using namespace hakmem;

HAKMEM_EXPORT int hakmem_version() {
  return HAKMEM_VERSION;
}

HAKMEM_EXPORT const char* hakmem_version_string() {
  return HAKMEM_VERSION_STRING;
}

HAKMEM_EXPORT const char* hakmem_mode() {
  return mode_name(configuration().mode);
}

HAKMEM_EXPORT int hakmem_feature(const char* feature, char* value, size_t size) {
  for (size_t index = 0; index < kFeatureCount; ++index) {
    if (strcmp(kFeatures[index].name, feature) != 0) continue;
    const bool acts = kFeatures[index].acted_on;
    size_t length = strlen("off");
    const char* name = acts ? setting_name(static_cast<Feature>(index), length) : "off";
    if (size > 0) {
      const size_t copied = std::min(length, size - 1);
      memcpy(value, name, copied);
      value[copied] = '\0';
    }
    return acts && configuration().has(static_cast<Feature>(index)) ? 1 : 0;
  }
  return -1;
}

HAKMEM_EXPORT void hakmem_print_configuration(int descriptor) {
  print_configuration(descriptor);
}

HAKMEM_EXPORT void hakmem_print_statistics(int descriptor) {
  print_statistics(descriptor);
}

HAKMEM_EXPORT void hakmem_print_statistics_json(int descriptor) {
  print_statistics_as_json(descriptor);
}

HAKMEM_EXPORT size_t hakmem_purge() {
  return heap_trim(0);
}

HAKMEM_EXPORT int hakmem_get_statistics(hakmem_statistics* statistics) {
  if (statistics == nullptr || statistics->size < offsetof(hakmem_statistics, reserved)) {
    errno = EINVAL;
    return -1;
  }
  const HeapStatistics heap = statistics_of_heap();
  const NearestLimit limit = nearest_limit();
  const CostEstimates& costs = cost_estimates();
  const auto read = [](const auto& counter) { return counter.load(std::memory_order_relaxed); };
  const hakmem_statistics now = {
      .size = std::min(statistics->size, sizeof(hakmem_statistics)),
      .version = 3,
      .reserved = 0,
      .allocated = heap.allocated_bytes,
      .active = heap.active_bytes,
      .metadata = heap.metadata_bytes,
      .resident = process_resident_bytes(),
      .mapped = heap.mapped_bytes,
      .retained = heap.retained_bytes,
      .purged = read(counters.purged_bytes),
      .purge_nanoseconds = read(counters.purge_nanoseconds),
      .purged_at_deadlines = 0,
      .moved = read(counters.moved_bytes) + read(counters.reallocated_bytes),
      .page_faults = process_page_faults(),
      .memory_price = memory_price().price(),
      .hold_small_pages = read_hold(MemoryKind::kSmallPages),
      .hold_huge_pages = read_hold(MemoryKind::kHugePage),
      .huge = bytes_on_huge_pages(),
      .lazily_freed = heap.lazily_freed_bytes,
      .extent_cache_hits = heap.all_extent_cache_hits(),
      .limit = limit.bytes,
      .headroom = limit.headroom,
      .small_purge_cost = costs.purge_per_mib(MemoryKind::kSmallPages),
      .small_fault_cost = costs.fault_per_mib(MemoryKind::kSmallPages),
      .huge_purge_cost = costs.purge_per_mib(MemoryKind::kHugePage),
      .huge_fault_cost = costs.fault_per_mib(MemoryKind::kHugePage)};
  memcpy(statistics, &now, now.size);
  return 0;
}
