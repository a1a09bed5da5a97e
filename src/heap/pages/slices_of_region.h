// Owns: the walk over a run of slices, huge page by huge page.
// Called by: the page heap, under its lock.
// Never: a slice beyond the region.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/bits.h"
#include "base/units.h"
#include "heap/pages/page_map.h"

namespace hakmem {

// Calls `visit(page, mask)` for each huge page that [slice, slice + length) touches.
template <class Visit>
void for_each_huge_page(const Region& region, uint32_t slice, Slices length, Visit visit) {
  uint32_t left = length.count;
  while (left > 0) {
    const uint32_t offset = slice % kSlicesPerHugePage;
    const uint32_t here = std::min(left, kSlicesPerHugePage - offset);
    visit(region.huge_pages[slice / kSlicesPerHugePage], low_mask(here) << offset);
    slice += here;
    left -= here;
  }
}

}  // namespace hakmem
