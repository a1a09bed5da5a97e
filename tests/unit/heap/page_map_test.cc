#include "heap/pages/page_map.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "fake_backend.h"
#include "heap/pages/page_heap.h"

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

// A slot is used again while others look up what lies elsewhere.
TEST(PageMap, AddressesAreFoundWhileOtherRegionsComeAndGo) {
  reset_fake_backend();
  fake.largest_reservation = size_t{8} << 20;
  PageHeap heap;
  heap.set_backend(kFakeBackend);
  constexpr Slices kMost{2 * kSlicesPerHugePage};
  std::vector<Span*> spans;
  while (heap.map().regions() < 4) {
    spans.push_back(heap.allocate(kMost));
    ASSERT_NE(spans.back(), nullptr);
  }
  Span* const kept = spans.back();
  spans.pop_back();
  char* const address = static_cast<char*>(heap.map().start_of(kept)) + kSliceSize / 2;
  std::atomic<bool> ended{false};
  std::thread reader([&] {
    while (!ended.load(std::memory_order_relaxed)) {
      ASSERT_EQ(heap.map().find(address), kept);
      ASSERT_EQ(heap.map().start_of(kept), address - kSliceSize / 2);
      heap.map().find(&ended);
    }
  });
  for (int round = 0; round < 200; ++round) {
    for (Span* span : spans) heap.free(span);
    EXPECT_TRUE(heap.give_back_free_regions());
    for (Span*& span : spans) {
      span = heap.allocate(kMost);
      ASSERT_NE(span, nullptr);
      EXPECT_EQ(heap.map().find(heap.map().start_of(span)), span);
    }
  }
  ended.store(true, std::memory_order_relaxed);
  reader.join();
  {
    const PageMap::Walk walk(heap.map());
    for (Span* span : spans) heap.free(span);
    EXPECT_FALSE(heap.give_back_free_regions()) << "somebody walks";
  }
  EXPECT_TRUE(heap.give_back_free_regions());
  EXPECT_EQ(heap.verify(), nullptr);
}

}  // namespace
}  // namespace hakmem
