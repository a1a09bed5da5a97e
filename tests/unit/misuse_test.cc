// What the heap detects by itself; tests/preload/misuse.c has the cases as programs meet them.
#include <gtest/gtest.h>
#include <string.h>

#include <thread>
#include <vector>

#include "thread_heap_fixture.h"

#if defined(__SANITIZE_THREAD__)
#define MISUSE_TEST(name) TEST(DISABLED_Misuse, name)  // the reports themselves race by nature
#else
#define MISUSE_TEST(name) TEST(MisuseDeathTest, name)
#endif

namespace hakmem {
namespace {

MISUSE_TEST(DoubleFreeAtOnce) {
  ThreadScope scope;
  void* block = scope.allocate(40);
  ThreadScope::release(block);
  EXPECT_DEATH(ThreadScope::release(block), "free\\(\\): block was freed before.*0x");
}

MISUSE_TEST(DoubleFreeLateAndFromAnotherThread) {
  ThreadScope scope;
  void* blocks[50];
  for (void*& block : blocks) block = scope.allocate(200);
  for (void* block : blocks) ThreadScope::release(block);
  EXPECT_DEATH(ThreadScope::release(blocks[7]), "freed before");
  EXPECT_DEATH(std::thread([&] { ThreadScope::release(blocks[7]); }).join(), "freed before");
}

// The first free is on its way to the owner, or has arrived and the block was handed out again.
MISUSE_TEST(SecondFreeWhileTheFirstTravels) {
  ThreadScope scope;
  void* block = scope.allocate(48);
  const auto in_thread = [](auto action) {
    std::thread([&] {
      ThreadScope other;
      action();
    }).join();
  };
  EXPECT_DEATH(in_thread([&] {
                 ThreadScope::release(block);
                 ThreadScope::release(block);
               }),
               "freed before");
  EXPECT_DEATH(
      {
        std::thread sender([&] {
          ThreadScope other;
          ThreadScope::release(block);
          ThreadScope::release(block == nullptr ? block : other.allocate(1));
        });
        sender.join();
        ThreadScope::release(block);
        for (int count = 0; count < 100'000; ++count) scope.allocate(48);
      },
      "freed before");
  ThreadScope::release(block);
}

MISUSE_TEST(DoubleFreeWhileBothAreUnderWay) {
  ThreadScope scope;
  void* block = scope.allocate(3000);
  // Two threads, two batches: neither sees the other's.
  const auto free_in_two_threads = [&] {
    std::thread([&] { ThreadScope::release(block); }).join();
    std::thread([&] { ThreadScope::release(block); }).join();
    scope.heap()->settle_remote_frees();
  };
  EXPECT_DEATH(free_in_two_threads(), "free\\(\\): block was freed before");
  // The same where the first of them empties the block's slab.
  std::vector<void*> blocks;
  for (int count = 0; count < 100; ++count) blocks.push_back(scope.allocate(3000));
  for (void* other : blocks) ThreadScope::release(other);
  EXPECT_DEATH(free_in_two_threads(), "freed before|invalid pointer");
}

MISUSE_TEST(DoubleFreeOfABlockOfAnEmptiedSlab) {
  ThreadScope scope;
  // Two slabs: the first is emptied while the second is current.
  std::vector<void*> blocks;
  for (int count = 0; count < 3000; ++count) blocks.push_back(scope.allocate(64));
  void* first = blocks.front();
  for (void* block : blocks) ThreadScope::release(block);
  EXPECT_DEATH(ThreadScope::release(first), "freed before|invalid pointer");
}

MISUSE_TEST(StaleMarkersInLiveBlocksAreNoDoubleFree) {
  ThreadScope scope;
  void* freed = scope.allocate(64);
  ThreadScope::release(freed);
  alignas(16) char copy[64];
  memcpy(copy, freed, sizeof copy);
  void* live = scope.allocate(64);
  void* other = scope.allocate(64);
  memcpy(live, copy, sizeof copy);
  memcpy(other, copy, sizeof copy);
  EXPECT_TRUE(ThreadScope::release(live));
  EXPECT_TRUE(ThreadScope::release(other));
}

MISUSE_TEST(InteriorAndMisalignedPointers) {
  ThreadScope scope;
  auto* medium = static_cast<char*>(scope.allocate(20'000));
  auto* large = static_cast<char*>(scope.allocate(300'000));
  auto* small = static_cast<char*>(scope.allocate(100));
  EXPECT_DEATH(ThreadScope::release(medium + 4096), "invalid pointer");
  EXPECT_DEATH(ThreadScope::release(large + 16), "invalid pointer");
  EXPECT_DEATH(ThreadScope::release(large + kSliceSize), "invalid pointer");
  EXPECT_DEATH(ThreadScope::release(small + 1), "invalid pointer");
  EXPECT_DEATH(heap_usable_size(small + 16, "malloc_usable_size"), "malloc_usable_size\\(\\)");
  EXPECT_DEATH(heap_reallocate(scope.heap(), small + 16, 10, "realloc"), "realloc\\(\\): invalid");
  for (char* block : {medium, large, small}) ThreadScope::release(block);
}

MISUSE_TEST(DamagedFreeList) {
  ThreadScope scope;
  auto** a = static_cast<void**>(scope.allocate(48));
  auto** b = static_cast<void**>(scope.allocate(48));
  static void* victim[8];
  ThreadScope::release(b);
  ThreadScope::release(a);
  void* next = a[0];
  a[0] = victim;
  EXPECT_DEATH(
      {
        scope.allocate(48);
        scope.allocate(48);
      },
      "free list damaged");
  a[0] = next;
}

MISUSE_TEST(FreedExtents) {
  ThreadScope scope;
  void* cached = scope.allocate(100'000);
  void* huge = scope.allocate(30 << 20);
  ThreadScope::release(cached);
  ThreadScope::release(huge);
  EXPECT_DEATH(ThreadScope::release(cached), "freed before");
  EXPECT_DEATH(ThreadScope::release(huge), "invalid pointer|freed before");
  EXPECT_DEATH(heap_usable_size(cached, "malloc_usable_size"), "freed before");
}

}  // namespace
}  // namespace hakmem
