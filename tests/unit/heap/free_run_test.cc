#include "heap/pages/free_run.h"

#include <gtest/gtest.h>

#include <vector>

namespace hakmem {
namespace {

// A very large heap is not searched to its end; a run that is open there must not go on behind it.
TEST(FreeRun, ASearchThatStopsEarlyInventsNoRun) {
  constexpr uint32_t kPages = 8300;
  constexpr uint32_t kAll = ~uint32_t{0};
  std::vector<HugePage> states(kPages);
  const HugePageArray pages{states.data() + kPages};
  for (HugePage& page : states) {
    page.used = page.backed = kAll;
    page.committed = true;
  }
  // A hole without memory early on, and one free slice at the end of every page behind it.
  for (uint32_t index = 10; index < 13; ++index) pages[index].used = pages[index].backed = 0;
  for (uint32_t index = 13; index < kPages; ++index) pages[index].used = kAll >> 1;
  Region region{};
  region.base = uintptr_t{1} << 40;
  region.huge_pages = pages;
  region.total = region.watermark = kPages;
  const RunRequest request{.length = {40},
                           .alignment = kSliceSize,
                           .backing = Backing::kSmallPages,
                           .any_backing = false,
                           .committed = true,
                           .movable = 0};
  FreeRun best;
  search_region(region, 0, request, best);
  ASSERT_TRUE(best.found());
  EXPECT_EQ(best.first, 10 * kSlicesPerHugePage);
}

}  // namespace
}  // namespace hakmem
