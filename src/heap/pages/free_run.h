// Owns: the search for a run of free slices that crosses huge pages.
// Called by: the page heap, under its lock.
// Never: a change of what it looks at.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/units.h"
#include "heap/pages/huge_page.h"
#include "heap/pages/page_map.h"

namespace hakmem {

// Of faulting a slice in page by page, in moves of a huge page: 16 faults of 1.5 us against 2 us.
inline constexpr uint32_t kFaultCost = 12;

struct RunRequest {
  Slices length;
  size_t alignment;  // of the first slice, in bytes
  Backing backing;
  bool any_backing;  // a run of both kinds will do
  bool committed;    // only where no memory has to be committed
  uint32_t movable;  // huge pages whose memory can be moved to the run
  uint32_t most_cost = ~uint32_t{0};
};

struct FreeRun {
  static constexpr uint32_t kNone = ~uint32_t{0};

  uint32_t region = kNone;
  uint32_t first = 0;      // slice in its region
  uint32_t cost = kNone;   // of getting memory where it holds none, in moves of a huge page
  uint32_t left_over = 0;  // free slices that stay beside it

  bool found() const { return region != kNone; }
  bool is_better_than(const FreeRun& other) const {
    if (cost != other.cost) return cost < other.cost;
    return left_over < other.left_over;
  }
};

// Updates `best` with the best run of region `index`: the one whose memory is cheapest to
// get, then the tightest fit.
void search_region(const Region& region, uint32_t index, const RunRequest& request, FreeRun& best);

}  // namespace hakmem
