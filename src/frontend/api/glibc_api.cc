// Owns: glibc's tuning and introspection functions.
// Called by: the program.
// Never: a number made up; what we do not have is 0 (fast bins, and blocks mapped one by one).
#include <errno.h>
#include <malloc.h>
#include <stdio.h>

#include <algorithm>
#include <climits>

#include "frontend/api/export.h"
#include "frontend/dispatch/libc_malloc.h"
#include "frontend/report/statistics.h"
#include "frontend/report/statistics_print.h"
#include "heap/heap.h"
#include "settings/configuration.h"

namespace {

using namespace hakmem;

int clamp_to_int(size_t value) {
  return static_cast<int>(std::min(value, static_cast<size_t>(INT_MAX)));
}

// libc's allocator where it serves the program, else nullptr.
const LibcMalloc* libc_in_charge() {
  return configuration().has(Feature::pool) ? nullptr : libc_malloc();
}

}  // namespace

// Returns 1 when memory went back to the system; `keep` bytes of what is free stay.
HAKMEM_EXPORT int malloc_trim(size_t keep) {
  if (const LibcMalloc* libc = libc_in_charge()) return libc->malloc_trim(keep);
  return heap_trim(keep) > 0 ? 1 : 0;
}

HAKMEM_EXPORT struct mallinfo2 mallinfo2() {
  const LibcMalloc* libc = libc_in_charge();
  if (libc != nullptr && libc->mallinfo2 != nullptr) return libc->mallinfo2();
  const HeapStatistics heap = statistics_of_heap();
  struct mallinfo2 information {};
  information.arena = heap.mapped_bytes - heap.apart_bytes;
  information.ordblks = heap.free_blocks;
  information.uordblks = heap.allocated_bytes - heap.apart_bytes;
  information.fordblks =
      heap.mapped_bytes > heap.allocated_bytes ? heap.mapped_bytes - heap.allocated_bytes : 0;
  information.keepcost = heap.retained_bytes;
  information.hblks = heap.apart_blocks;
  information.hblkhd = heap.apart_bytes;
  return information;
}

// The older form, whose ints end at 2 GiB.
HAKMEM_EXPORT struct mallinfo mallinfo() {
  const struct mallinfo2 wide = mallinfo2();
  struct mallinfo information {};
  information.arena = clamp_to_int(wide.arena);
  information.ordblks = clamp_to_int(wide.ordblks);
  information.smblks = clamp_to_int(wide.smblks);
  information.hblks = clamp_to_int(wide.hblks);
  information.hblkhd = clamp_to_int(wide.hblkhd);
  information.fsmblks = clamp_to_int(wide.fsmblks);
  information.uordblks = clamp_to_int(wide.uordblks);
  information.fordblks = clamp_to_int(wide.fordblks);
  information.keepcost = clamp_to_int(wide.keepcost);
  return information;
}

// Tunes glibc's own allocator: accepted, and without effect where that does not serve.
HAKMEM_EXPORT int mallopt(int parameter, int value) {
  if (const LibcMalloc* libc = libc_in_charge()) return libc->mallopt(parameter, value);
  switch (parameter) {
    case M_MXFAST:
    case M_TRIM_THRESHOLD:
    case M_TOP_PAD:
    case M_MMAP_THRESHOLD:
    case M_MMAP_MAX:
    case M_CHECK_ACTION:
    case M_PERTURB:
    case M_ARENA_TEST:
    case M_ARENA_MAX:
      return 1;
    default:
      return 0;
  }
}

HAKMEM_EXPORT int malloc_info(int options, FILE* stream) {
  if (const LibcMalloc* libc = libc_in_charge()) return libc->malloc_info(options, stream);
  if (options != 0) return EINVAL;
  const HeapStatistics heap = statistics_of_heap();
  const int written = fprintf(stream,
                              "<malloc version=\"hakmem-1\">\n"
                              "<total type=\"allocated\" size=\"%zu\"/>\n"
                              "<total type=\"active\" size=\"%zu\"/>\n"
                              "<total type=\"retained\" size=\"%zu\"/>\n"
                              "<total type=\"metadata\" size=\"%zu\"/>\n"
                              "<system type=\"current\" size=\"%zu\"/>\n"
                              "</malloc>\n",
                              heap.allocated_bytes, heap.active_bytes, heap.retained_bytes,
                              heap.metadata_bytes, heap.mapped_bytes);
  return written < 0 ? -1 : 0;
}

HAKMEM_EXPORT void malloc_stats() {
  if (const LibcMalloc* libc = libc_in_charge()) {
    libc->malloc_stats();
  } else {
    print_statistics(2);
  }
}
