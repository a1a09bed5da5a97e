// Owns: the knobs of promotion.
// Called by: see huge_pages.h.
// Never: see huge_pages.h.
#include "control/huge_pages.h"

#include <algorithm>
#include <atomic>
#include <bit>

#include "backend/linux/memory/linux_backend.h"
#include "backend/thp/collapse.h"
#include "backend/thp/thp_coverage.h"
#include "backend/thp/thp_settings.h"
#include "base/log.h"
#include "heap/pages/page_heap.h"
#include "policy/knobs.h"
#include "telemetry/counters.h"

namespace hakmem {
namespace {

void promote_from(size_t bytes) {
  knobs.huge_slabs_from.store(bytes, std::memory_order_relaxed);
  knobs.huge_extents_from.store(bytes, std::memory_order_relaxed);
}

// By the background thread, but for the first.
constinit std::atomic<uint32_t> slices_at_collapse{0};
constinit uint64_t next_collapse = 0;     // coarse time
constinit uint32_t failed_collapses = 0;  // in a row

// Then the kernel has no MADV_COLLAPSE, or no huge page.
constexpr uint32_t kMostFailures = 32;

// The nanoseconds that it took.
uint64_t collapse_timed(const AddressRange& page) {
  const Backend& backend = page_heap.backend();
  const uint64_t start = backend.cpu_time();
  const CollapseResult result = collapse(page);
  const uint64_t took = backend.cpu_time() - start;
  ++failed_collapses;
  if (result == CollapseResult::kNever) failed_collapses = kMostFailures;
  if (result == CollapseResult::kCollapsed) {
    failed_collapses = 0;
    page_heap.collapsed(page);
    count(counters.collapsed_bytes, page.bytes);
    count(counters.collapse_nanoseconds, took);
  }
  return took;
}

// Transparent huge pages are 2 MiB, the heap's huge page, where pages are 4 KiB.
bool has_pages_of_4_kib() {
  return kLinuxBackend.page_size() == 4096;
}

const char* use_of_huge_pages(const ThpSettings& system) {
  if (!configuration().has(Feature::thp)) return "none, by configuration";
  if (!has_pages_of_4_kib()) return "none: the machine's pages are not of 4 KiB";
  switch (thp_obstacle(system)) {
    case ThpObstacle::kSystem:
      return "none: the system has them switched off";
    case ThpObstacle::kProcess:
      return "none: they are switched off for this process (PR_SET_THP_DISABLE)";
    case ThpObstacle::kPageSize:
      return "none: the system's huge pages are not of 2 MiB";
    case ThpObstacle::kNone:
      break;
  }
  if (configuration().is(Feature::thp, "on")) return "for all memory";
  return "for growth of large processes; small pages for all else, whatever the system has set";
}

void append_sizes(Line& line, PageSizes sizes, const char* meaning) {
  if (sizes == 0) return;
  line.text(", ").text(meaning);
  for (; sizes != 0; sizes &= sizes - 1) {
    line.text(" ").decimal((size_t{1} << std::countr_zero(sizes)) / 1024).text(" kB");
  }
}

}  // namespace

void prepare_huge_pages(const Configuration& settings) {
  // Read now: a file opened later takes a number that another thread may count on.
  const bool has_effect = settings.has(Feature::thp) && has_pages_of_4_kib() &&
                          read_thp_obstacle({}) == ThpObstacle::kNone;
  if (!has_effect) {
    promote_from(SIZE_MAX);
    return;
  }
  if (settings.is(Feature::thp, "on")) promote_from(0);
}

bool has_grown_since_collapse() {
  constexpr uint32_t kWorthALook = 8 * kSlicesPerHugePage;
  return page_heap.used().count >= slices_at_collapse.load(std::memory_order_relaxed) + kWorthALook;
}

uint64_t collapse_settled_memory() {
  constexpr uint64_t kRound = 250'000'000;  // nanoseconds
  constexpr uint64_t kBreath = 1'000'000;
  constexpr uint64_t kShare = 64;
  const Backend& backend = page_heap.backend();
  slices_at_collapse.store(page_heap.used().count, std::memory_order_relaxed);
  const bool large = page_heap.used().bytes() >= read_knob(knobs.huge_extents_from);
  // Where memory is short, what of them is free or was never touched is too much.
  const bool tight = read_knob(knobs.pack_slabs) != 0;
  if (!large || tight || failed_collapses >= kMostFailures) return 0;
  const uint64_t now = backend.coarse_time();
  if (now < next_collapse) return next_collapse - now;
  uint64_t pause = kRound;
  AddressRange page;
  switch (page_heap.next_settled(page)) {
    case PageHeap::Settled::kNone:
      return 0;
    case PageHeap::Settled::kSettling:
      break;
    case PageHeap::Settled::kLooking:
      pause = kBreath;
      break;
    case PageHeap::Settled::kFound:
      pause = kShare * collapse_timed(page);
      break;
  }
  next_collapse = now + pause;
  return pause;
}

void print_huge_pages(int descriptor) {
  const ThpSettings system = read_thp_settings({});
  Line line;
  line.text("  in use    thp             ").text(use_of_huge_pages(system)).send(descriptor);
  line.text("  in use    thp, system     enabled=").text(thp_enabled_name(system.effective()));
  line.text(", defrag=").text(thp_defrag_name(system.defrag));
  if (system.huge_page_bytes != 0) {
    line.text(", huge page of ").decimal(system.huge_page_bytes / 1024).text(" kB");
  }
  if (system.max_ptes_none != SIZE_MAX) {
    line.text(", khugepaged/max_ptes_none=").decimal(system.max_ptes_none);
  }
  append_sizes(line, system.smaller_always, "smaller ones always:");
  append_sizes(line, system.smaller_advised, "smaller ones where advised:");
  line.send(descriptor);
}

uint64_t bytes_on_huge_pages() {
  const ThpCoverage coverage;
  size_t sum = 0;
  PageHeap::PromotedPosition position;
  AddressRange run;
  while (page_heap.next_promoted(position, run)) {
    if (!coverage.add(run, sum)) return process_on_huge_pages(sum) ? sum : UINT64_MAX;
  }
  return sum;
}

}  // namespace hakmem
