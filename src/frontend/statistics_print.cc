// Owns: the layout of the printed statistics.
// Called by: see statistics_print.h.
// Never: a counter missing; the lines come from counters.def.
#include "frontend/statistics_print.h"

#include "base/log.h"
#include "frontend/configuration.h"
#include "frontend/version.h"
#include "heap/heap.h"
#include "heap/page_heap.h"
#include "telemetry/counters.h"

namespace hakmem {
namespace {

void print_value(const char* name, uint64_t value, const char* meaning, int descriptor) {
  Line line;
  line.text("  ").padded(name, 20).decimal(value);
  while (line.length() < 38) line.text(" ", 1);
  line.text("  ").text(meaning).send(descriptor);
}

}  // namespace

void print_statistics(int descriptor) {
  const HeapStatistics heap = heap_statistics();
  Line line;
  line.text("hakmem " HAKMEM_VERSION_STRING " statistics, mode ");
  line.text(mode_name(configuration().mode)).send(descriptor);
  print_value("allocated", heap.allocated_bytes, "bytes in live blocks", descriptor);
  print_value("active", heap.active_bytes, "bytes of slabs and extents with live blocks",
              descriptor);
  print_value("metadata", heap.metadata_bytes, "bytes committed for descriptors and heaps",
              descriptor);
  const auto& backend = page_heap.backend();
  print_value("resident", backend.resident_bytes(), "bytes of the process in memory", descriptor);
  print_value("mapped", heap.mapped_bytes, "bytes committed for data", descriptor);
  print_value("retained", heap.retained_bytes, "bytes free and kept backed for reuse", descriptor);
  print_value("extent_cache_hits", heap.extent_cache_hits,
              "extents served from the thread's own freed ones", descriptor);
#define HAKMEM_COUNTER(name, meaning) \
  print_value(#name, counters.name.load(std::memory_order_relaxed), meaning, descriptor);
#include "telemetry/counters.def"
#undef HAKMEM_COUNTER
}

}  // namespace hakmem
