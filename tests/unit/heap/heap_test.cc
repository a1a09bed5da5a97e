#include <gtest/gtest.h>
#include <string.h>
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "backend/linux/guest/process_limits.h"
#include "heap/blocks/extent.h"
#include "policy/knobs.h"
#include "policy/retention/call_sites.h"
#include "telemetry/counters.h"
#include "thread_heap_fixture.h"

namespace hakmem {
namespace {

TEST(Heap, EverySizeIsUsableAndAligned) {
  ThreadScope scope;
  for (size_t size = 0; size <= 3 << 20; size += 1 + size / 7) {
    void* block = scope.allocate(size);
    ASSERT_NE(block, nullptr);
    ASSERT_EQ(reinterpret_cast<uintptr_t>(block) % 16, 0u);
    const size_t usable = heap_usable_size(block, "test");
    ASSERT_GE(usable, size);
    memset(block, 0x5a, usable);
    ASSERT_TRUE(ThreadScope::release(block));
  }
}

TEST(Heap, EveryAlignmentAtEverySizeIsExact) {
  ThreadScope scope;
  for (size_t alignment = 1; alignment <= 4 << 20; alignment *= 2) {
    for (const size_t size : {size_t{0}, size_t{1}, size_t{24}, alignment - 1, alignment,
                              alignment + 1, size_t{5000}, size_t{70'000}, size_t{3} << 20}) {
      void* block = heap_allocate_aligned(scope.heap(), alignment, size);
      ASSERT_NE(block, nullptr) << alignment << " " << size;
      ASSERT_EQ(reinterpret_cast<uintptr_t>(block) % alignment, 0u) << size;
      const size_t usable = heap_usable_size(block, "test");
      ASSERT_GE(usable, size);
      memset(block, 1, usable);
      ASSERT_TRUE(ThreadScope::release(block));
    }
  }
}

TEST(Heap, ZeroedMemoryIsZeroAlsoWhenReused) {
  ThreadScope scope;
  for (const size_t size : {16u, 100u, 1024u, 9000u, 65536u, 65537u, 300'000u, 5'000'000u}) {
    for (int round = 0; round < 3; ++round) {
      auto* block = static_cast<unsigned char*>(heap_allocate_zeroed(scope.heap(), size));
      for (size_t at = 0; at < size; ++at) ASSERT_EQ(block[at], 0) << size << " " << at;
      memset(block, 0xff, heap_usable_size(block, "test"));
      ThreadScope::release(block);
      if (round == 1) heap_trim(0);
    }
  }
}

TEST(Heap, ReallocateKeepsContents) {
  ThreadScope scope;
  auto* block = static_cast<unsigned char*>(scope.allocate(1));
  block[0] = 9;
  size_t size = 1;
  for (const size_t next : {20u, 500u, 400u, 9000u, 70'000u, 140'000u, 3'000'000u, 9'000'000u,
                            100'000u, 64'000u, 10u}) {
    block = static_cast<unsigned char*>(heap_reallocate(scope.heap(), block, next, "realloc"));
    ASSERT_NE(block, nullptr);
    ASSERT_EQ(block[0], 9);
    const size_t kept = std::min(size, next);
    if (kept > 1) ASSERT_EQ(block[kept - 1], 7) << next;
    memset(block + 1, 7, next - 1);
    size = next;
  }
  ThreadScope::release(block);
}

TEST(Heap, ExtentsGrowInPlaceWhenTheNeighbourIsFree) {
  ThreadScope scope;
  heap_trim(0);
  void* block = scope.allocate(40 << 20);
  EXPECT_EQ(heap_reallocate(scope.heap(), block, 10 << 20, "realloc"), block);
  EXPECT_EQ(heap_reallocate(scope.heap(), block, 40 << 20, "realloc"), block);
  ThreadScope::release(block);
}

TEST(Heap, EmptySlabsGoBack) {
  ThreadScope scope;
  std::vector<void*> blocks;
  const size_t used_before = page_heap.statistics().used_bytes;
  for (int count = 0; count < 100'000; ++count) blocks.push_back(scope.allocate(100));
  EXPECT_GT(page_heap.statistics().used_bytes, used_before + 10'000'000);
  for (void* block : blocks) ThreadScope::release(block);
  EXPECT_LT(page_heap.statistics().used_bytes,
            used_before + 500'000 + SpanCache::kSlots * kSliceSize);
  drop_all_caches();
  EXPECT_LT(page_heap.statistics().used_bytes, used_before + 500'000);
}

TEST(Heap, AnEmptiedSlabServesTheThreadsNextOneOfAnyClass) {
  ThreadScope scope;
  drop_all_caches();
  const uint64_t hits_before = heap_statistics().slab_cache_hits;
  const auto fill_and_empty = [&](size_t size, size_t slabs) {
    std::vector<void*> blocks;
    for (size_t bytes = 0; bytes < slabs * kSliceSize; bytes += size) {
      blocks.push_back(scope.allocate(size));
    }
    for (void* block : blocks) ThreadScope::release(block);
  };
  // The heap may have served other tests, and keeps as much as was of use lately.
  for (int round = 0; round < 40; ++round) fill_and_empty(48, 2);
  for (const size_t size : {48, 80, 112, 2000}) fill_and_empty(size, 6);
  // What is kept for the thread is out of reach of a purge for others' sake.
  page_heap.purge_down_to({0});
  EXPECT_GE(heap_statistics().slab_cache_hits - hits_before, 4u);
  const Slices used_before = page_heap.used();
  std::vector<void*> blocks;
  for (int count = 0; count < 300; ++count) blocks.push_back(scope.allocate(640));
  EXPECT_EQ(page_heap.used(), used_before);
  for (void* block : blocks) ThreadScope::release(block);
}

TEST(Heap, MemoryOfOneClassServesAnother) {
  ThreadScope scope;
  heap_trim(0);
  const size_t mapped_before = page_heap.statistics().mapped_bytes;
  for (size_t size = 16; size <= 4096; size *= 2) {
    std::vector<void*> blocks;
    for (size_t bytes = 0; bytes < 16 << 20; bytes += size) blocks.push_back(scope.allocate(size));
    for (void* block : blocks) ThreadScope::release(block);
  }
  EXPECT_LT(page_heap.statistics().mapped_bytes, mapped_before + (32 << 20));
}

TEST(Heap, NoColourIsThatOfTheDescriptor) {
  ThreadScope scope;
  std::vector<void*> blocks;
  for (const size_t size : {size_t{64} << 10, size_t{200} << 10}) {
    for (int count = 0; count < 1000; ++count) {
      void* block = scope.allocate(size);
      blocks.push_back(block);
      const Span* span = page_heap.map().find(block);
      if (span->kind.load() == SpanKind::kSlabInterior) span -= span->slices;
      const auto line = [](uintptr_t address) { return address % 4096 / 64; };
      EXPECT_NE(line(span->first_block), line(reinterpret_cast<uintptr_t>(span)));
      EXPECT_NE(line(span->first_block), line(reinterpret_cast<uintptr_t>(&span->owner)));
    }
  }
  for (void* block : blocks) ThreadScope::release(block);
}

TEST(Heap, FirstBlocksOfSlabsAreColoured) {
  ThreadScope scope;
  std::vector<uintptr_t> first_offsets;
  std::vector<void*> blocks;
  for (int slab = 0; slab < 8; ++slab) {
    // 64-byte blocks: one slab holds about a thousand.
    void* block = scope.allocate(64);
    Span* span = page_heap.map().find(block);
    first_offsets.push_back(span->first_block);
    blocks.push_back(block);
    while (page_heap.map().find(blocks.back()) == span) blocks.push_back(scope.allocate(64));
  }
  std::sort(first_offsets.begin(), first_offsets.end());
  EXPECT_GT(std::unique(first_offsets.begin(), first_offsets.end()) - first_offsets.begin(), 4);
  for (void* block : blocks) ThreadScope::release(block);
}

TEST(Heap, FreeBlocksAreReusedBeforeASlabIsCarvedFurther) {
  ThreadScope scope;
  std::vector<void*> blocks;
  const auto carved = [&](const void* block) { return page_heap.map().find(block)->carved.load(); };
  // A slab full of blocks, and the first of the next one.
  while (blocks.empty() ||
         page_heap.map().find(blocks.back()) == page_heap.map().find(blocks.front())) {
    blocks.push_back(scope.allocate(256));
  }
  const size_t full = blocks.size() - 1;
  while (scope.heap()->current[size_class_of(256)]->free !=
         scope.heap()->current[size_class_of(256)]->end) {
    blocks.push_back(scope.allocate(256));
  }
  const uint32_t before = carved(blocks.back());
  for (size_t index = 0; index < full / 2; ++index) {
    ThreadScope::release(blocks[index]);
    blocks[index] = nullptr;
  }
  for (size_t index = 0; index < full / 2; ++index) blocks[index] = scope.allocate(256);
  EXPECT_EQ(carved(blocks.back()), before);
  for (void* block : blocks) ThreadScope::release(block);
}

// Near a limit: what lives ends up on few slabs, so that the others become empty and go back.
TEST(Heap, WhereMemoryIsShortTheFullestSlabsFillFirst) {
  ThreadScope scope;
  constexpr size_t kSize = 1000;
  const auto slab_of = [](const void* block) { return page_heap.map().find(block); };
  std::map<Span*, std::vector<void*>> slabs;
  while (slabs.size() < 4) {
    void* block = scope.allocate(kSize);
    slabs[slab_of(block)].push_back(block);
  }
  // The last is the current one, and full for this test.
  Span* current = scope.heap()->current[size_class_of(kSize)];
  while (slabs[current].size() < current->capacity) {
    void* block = scope.allocate(kSize);
    slabs[slab_of(block)].push_back(block);
  }
  knobs.pack_slabs.store(1);
  Span* emptiest = nullptr;
  Span* fullest = nullptr;
  for (auto& [slab, blocks] : slabs) {
    if (slab == current) continue;
    const bool first = emptiest == nullptr;
    if (first) emptiest = slab;
    if (!first && fullest == nullptr) fullest = slab;
    const size_t kept = first ? 1 : slab == fullest ? blocks.size() - 2 : blocks.size() / 2;
    while (blocks.size() > kept) {
      ThreadScope::release(blocks.back());
      blocks.pop_back();
    }
  }
  for (int count = 0; count < 2; ++count) {
    void* block = scope.allocate(kSize);
    EXPECT_EQ(slab_of(block), fullest);
    slabs[slab_of(block)].push_back(block);
  }
  for (size_t count = slabs[current].size() / 2; count > 0; --count) {
    void* block = scope.allocate(kSize);
    EXPECT_NE(slab_of(block), emptiest);
    slabs[slab_of(block)].push_back(block);
  }
  knobs.pack_slabs.store(0);
  for (auto& [slab, blocks] : slabs) {
    for (void* block : blocks) ThreadScope::release(block);
  }
}

TEST(Heap, UntouchedMemoryStaysUntouched) {
  ThreadScope scope;
  heap_trim(0);
  const size_t before = process_resident_bytes();
  void* block = scope.allocate(64 << 20);
  EXPECT_LT(process_resident_bytes(), before + (4 << 20));
  ThreadScope::release(block);
}

TEST(Heap, TrimReachesTheCachesOfOtherThreads) {
  ThreadScope scope;
  void* block = scope.allocate(1 << 20);
  memset(block, 1, 1 << 20);
  ThreadScope::release(block);
  EXPECT_EQ(scope.heap()->cache.held().count, 16u);
  EXPECT_GE(heap_trim(0), size_t{1} << 20);
  EXPECT_EQ(scope.heap()->cache.held().count, 0u);
  EXPECT_EQ(heap_statistics().retained_bytes, 0u);
}

TEST(Heap, ExtentsStartOnDifferentCacheLines) {
  ThreadScope scope;
  std::vector<void*> blocks;
  std::set<uintptr_t> lines;
  for (int count = 0; count < 32; ++count) {
    constexpr size_t kSize = 256 << 10;
    blocks.push_back(scope.allocate(kSize));
    memset(blocks.back(), count, kSize);
    lines.insert(reinterpret_cast<uintptr_t>(blocks.back()) % 4096);
    EXPECT_GE(heap_usable_size(blocks.back(), "test"), kSize);
  }
  EXPECT_EQ(lines.size(), 32u);
  for (void* block : blocks) ThreadScope::release(block);
  // A kept extent of the same length serves an aligned request without its colour.
  void* aligned = heap_allocate_aligned(scope.heap(), 4096, 320 << 10);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(aligned) % 4096, 0u);
  EXPECT_GE(heap_usable_size(aligned, "test"), size_t{320} << 10);
  ThreadScope::release(aligned);
}

TEST(Heap, StatisticsCountLiveBlocks) {
  ThreadScope scope;
  const size_t before = heap_statistics().allocated_bytes;
  std::vector<void*> blocks;
  for (int count = 0; count < 5000; ++count) blocks.push_back(scope.allocate(96));
  blocks.push_back(scope.allocate(1 << 20));
  const size_t during = heap_statistics().allocated_bytes;
  EXPECT_EQ(during - before, 5000u * 96 + (1u << 20));
  for (void* block : blocks) ThreadScope::release(block);
  EXPECT_EQ(heap_statistics().allocated_bytes, before);
}

TEST(Heap, ForeignAddressesAreRefused) {
  ThreadScope scope;
  int on_stack = 0;
  EXPECT_FALSE(heap_free(&on_stack, "free"));
  EXPECT_EQ(heap_usable_size(&on_stack, "test"), 0u);
}

TEST(Heap, AClassThatGrowsIsPopulatedAndOneBlockOfEachIsNot) {
  ThreadScope scope;
  heap_trim(0);
  void* trial =
      mmap(nullptr, kSliceSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const bool populates = kLinuxBackend.populate(trial, kSliceSize);
  munmap(trial, kSliceSize);
  if (!populates) GTEST_SKIP() << "before Linux 5.14";
  const auto populated = [] { return counters.populated_bytes.load(); };
  const uint64_t before = populated();
  std::vector<void*> blocks;
  for (size_t size = 16; size <= kSmallLimit; size += 128) blocks.push_back(scope.allocate(size));
  EXPECT_EQ(populated(), before);
  for (size_t bytes = 0; bytes < 4 << 20; bytes += 64) blocks.push_back(scope.allocate(64));
  // All but the first slabs.
  EXPECT_GE(populated() - before, size_t{3} << 20);
  EXPECT_LE(populated() - before, size_t{4} << 20);
  for (void* block : blocks) ThreadScope::release(block);
}

// Reached from one place or from another.
[[gnu::noinline]] void* from_one_place(ThreadHeap* heap, size_t size) {
  return heap_allocate(heap, size, __builtin_return_address(0));
}

TEST(Heap, ASiteWhoseBlocksComeBackLateIsFreedLazily) {
  static constexpr PageHeap::Outlook kOutlook{.wanted = call_site_wants,
                                              .given_up = call_site_gave_up};
  ThreadScope scope;
  page_heap.set_outlook(kOutlook);
  constexpr size_t kSize = size_t{16} << 20;  // too large for the thread's cache
  const auto freed = [] { return counters.lazily_freed_bytes.load(); };
  const auto pause = std::chrono::milliseconds(read_hold(MemoryKind::kSmallPages) * 2);
  const uint64_t before = freed();
  for (int round = 0; round < 4; ++round) {
    void* block = from_one_place(scope.heap(), kSize);
    memset(block, round + 1, kSize);
    ThreadScope::release(block);
    std::this_thread::sleep_for(pause);
  }
  // The first free knows nothing, the later ones what happened before.
  EXPECT_GE(freed() - before, 2 * kSize);
  const uint64_t after = freed();
  for (int round = 0; round < 4; ++round) {
    ThreadScope::release(heap_allocate(scope.heap(), kSize, &scope));  // another place
  }
  EXPECT_EQ(freed(), after);
  // What the kernel may have taken is not called zero.
  auto* block = static_cast<unsigned char*>(heap_allocate_zeroed(scope.heap(), kSize));
  for (size_t at = 0; at < kSize; ++at) ASSERT_EQ(block[at], 0);
  ThreadScope::release(block);
}

}  // namespace
}  // namespace hakmem
