// What the heap detects by itself; tests/preload/misuse.c has the cases as programs meet them.
#include <gtest/gtest.h>
#include <string.h>

#include <thread>
#include <vector>

#include "base/log.h"
#include "heap/blocks/enclosing_block.h"
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

// A slab that was one before, in this process, may have marks where it has no blocks yet: then the
// second block lies there.
void allocate_two_of_one_slab(ThreadScope& scope, size_t size) {
  const void* first = scope.allocate(size);
  const void* second = scope.allocate(size);
  const EnclosingBlock block = enclosing_block(second);
  if (block.span != nullptr && block.span == enclosing_block(first).span) {
    fatal("malloc", "free list damaged, within the slab:", reinterpret_cast<uintptr_t>(second));
  }
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
  EXPECT_DEATH(allocate_two_of_one_slab(scope, 48), "free list damaged");
  a[0] = next;
}

// A block made up elsewhere, with the mark that a freed block shows, is never handed out.
MISUSE_TEST(ForgedBlocks) {
  ThreadScope scope;
  // Not at an offset in its slice where the slab has blocks.
  alignas(kSliceSize) static char elsewhere[2 * kSliceSize];
  auto* forged = reinterpret_cast<Block*>(elsewhere + kSliceSize / 2);
  for (const size_t size : {48u, 1000u, 3000u, 20'000u}) {
    auto* a = static_cast<Block*>(scope.allocate(size));
    auto* b = static_cast<Block*>(scope.allocate(size));
    ThreadScope::release(b);
    ThreadScope::release(a);
    *forged = *a;
    Block* next = a->next;
    a->next = forged;
    EXPECT_DEATH(allocate_two_of_one_slab(scope, size), "free list damaged") << size;
    a->next = next;
  }
}

// The words that hold the descriptor's address, in the heap's own tables, are no marks.
MISUSE_TEST(NoPointerIsAMark) {
  ThreadScope scope;
  auto* block = static_cast<Block*>(scope.allocate(48));
  ThreadScope::release(block);
  const uintptr_t mark = block->marker;
  const auto* words = reinterpret_cast<const uintptr_t*>(scope.heap());
  for (size_t index = 0; index < sizeof(ThreadHeap) / sizeof *words; ++index) {
    EXPECT_NE(words[index], mark) << index;
  }
  EXPECT_NE(mark % 16, 0u);
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
