#include "heap/page_map.h"

#include <gtest/gtest.h>

#include "fake_backend.h"
#include "heap/page_heap.h"

namespace hakmem {
namespace {

TEST(PageMap, FastLookupAgreesWithTheSlowOne) {
  reset_fake_backend();
  PageHeap heap;
  heap.set_backend(kFakeBackend);
  Span* span = heap.allocate({2});
  const PageMap& map = heap.map();
  char* start = static_cast<char*>(map.start_of(span));
  Span* found = nullptr;
  for (size_t offset = 0; offset < 2 * kSliceSize; ++offset) {
    ASSERT_EQ(map.find(start + offset), span + offset / kSliceSize);
    const bool aligned = offset % 16 == 0;
    ASSERT_EQ(map.find_block_in_first_region(start + offset, found), aligned);
    if (aligned) ASSERT_EQ(found, span + offset / kSliceSize);
  }
}

TEST(PageMap, ForeignAddressesAreNotFound) {
  reset_fake_backend();
  PageHeap heap;
  Span* found = nullptr;
  int on_stack = 0;
  EXPECT_FALSE(heap.map().find_block_in_first_region(&on_stack, found)) << "before any region";
  heap.set_backend(kFakeBackend);
  Span* span = heap.allocate({1});
  const PageMap& map = heap.map();
  const Region& region = map.region(0);
  const uintptr_t limit = region.base + region.known_bytes();
  const uintptr_t addresses[] = {0,
                                 16,
                                 region.base - 16,
                                 limit,
                                 limit + 16,
                                 ~uintptr_t{15},
                                 uintptr_t{1} << 63,
                                 reinterpret_cast<uintptr_t>(&on_stack) & ~uintptr_t{15}};
  for (const uintptr_t address : addresses) {
    EXPECT_EQ(map.find(reinterpret_cast<void*>(address)), nullptr) << std::hex << address;
    EXPECT_FALSE(map.find_block_in_first_region(reinterpret_cast<void*>(address), found));
  }
  heap.free(span);
}

}  // namespace
}  // namespace hakmem
