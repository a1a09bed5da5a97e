// Owns: the layout of the printed statistics.
// Called by: see statistics_print.h.
// Never: a counter missing; the lines come from counters.def.
#include "frontend/statistics_print.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/environment.h"
#include "base/log.h"
#include "base/system_call.h"
#include "frontend/configuration.h"
#include "frontend/upkeep.h"
#include "frontend/version.h"
#include "heap/heap.h"
#include "heap/page_heap.h"
#include "policy/knobs.h"
#include "telemetry/counters.h"

namespace hakmem {
namespace {

void print_value(const char* name, uint64_t value, const char* meaning, int descriptor) {
  Line line;
  line.text("  ").padded(name, 20).decimal(value);
  while (line.length() < 38) line.text(" ", 1);
  line.text("  ").text(meaning).send(descriptor);
}

// The path with %p as the process' number and %e as the program's name.
Line expanded(const char* path) {
  Line line;
  for (const char* at = path; *at != '\0'; ++at) {
    if (at[0] == '%' && at[1] == 'p') {
      line.decimal(static_cast<uint64_t>(system_call(SYS_getpid)));
      ++at;
    } else if (at[0] == '%' && at[1] == 'e') {
      const Text program = program_name();
      line.text(program.data, program.length);
      ++at;
    } else {
      line.text(at, 1);
    }
  }
  line.text("", 1);
  return line;
}

}  // namespace

void print_statistics_at_exit() {
  const char* file = configuration().stats_file;
  if (*file == '\0') {
    print_statistics(STDERR_FILENO);
    return;
  }
  const Line path = expanded(file);
  const long descriptor = system_call(SYS_openat, AT_FDCWD, path.data(),
                                      O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0) {
    Line line;
    line.text("hakmem: statistics cannot be written to ").text(path.data()).send();
    return;
  }
  print_statistics(static_cast<int>(descriptor));
  system_call(SYS_close, descriptor);
}

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
  print_value("memory_price", memory_price().price(), "ns for holding an idle MiB for a second",
              descriptor);
  for (const MemoryKind kind : {MemoryKind::kSmallPages, MemoryKind::kHugePage}) {
    const bool huge = kind == MemoryKind::kHugePage;
    print_value(huge ? "huge_purge_cost" : "small_purge_cost", cost_estimates().purge_per_mib(kind),
                "ns to give a MiB back", descriptor);
    print_value(huge ? "huge_fault_cost" : "small_fault_cost", cost_estimates().fault_per_mib(kind),
                "ns to touch a MiB anew", descriptor);
    print_value(huge ? "huge_hold" : "small_hold",
                read_knob(huge ? knobs.hold_huge_pages : knobs.hold_small_pages),
                "ms that free memory stays; 0: for ever", descriptor);
  }
#define HAKMEM_COUNTER(name, meaning) \
  print_value(#name, counters.name.load(std::memory_order_relaxed), meaning, descriptor);
#include "telemetry/counters.def"
#undef HAKMEM_COUNTER
}

}  // namespace hakmem
