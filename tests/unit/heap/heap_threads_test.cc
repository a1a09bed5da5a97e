// Remote frees, thread exit and adoption. Meant for ThreadSanitizer as well.
#include <gtest/gtest.h>
#include <string.h>

#include <array>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "telemetry/counters.h"
#include "thread_heap_fixture.h"

namespace hakmem {
namespace {

TEST(HeapThreads, RemoteFreesComeHome) {
  ThreadScope scope;
  const size_t used_before = page_heap.statistics().used_bytes;
  for (int round = 0; round < 20; ++round) {
    std::vector<void*> blocks;
    for (int count = 0; count < 20'000; ++count) blocks.push_back(scope.allocate(64 + count % 200));
    std::thread([&] {
      ThreadScope other;
      for (void* block : blocks) ThreadScope::release(block);
    }).join();
  }
  // Every round reuses what the last one freed elsewhere.
  EXPECT_LT(page_heap.statistics().used_bytes, used_before + (16 << 20));
}

TEST(HeapThreads, AThreadWithoutAHeapMayFree) {
  ThreadScope scope;
  void* small = scope.allocate(100);
  void* medium = scope.allocate(20'000);
  void* large = scope.allocate(200'000);
  std::thread([&] {
    ThreadScope::release(small);
    ThreadScope::release(medium);
    ThreadScope::release(large);
    EXPECT_EQ(thread_heap(), &kNoHeap);
  }).join();
}

TEST(HeapThreads, BlocksOutliveTheirThread) {
  ThreadScope scope;
  const size_t used_before = page_heap.statistics().used_bytes;
  std::vector<void*> blocks;
  std::thread([&] {
    ThreadScope other;
    for (int count = 0; count < 50'000; ++count) {
      blocks.push_back(other.allocate(100));
      memset(blocks.back(), count, 100);
    }
  }).join();
  for (size_t count = 0; count < blocks.size(); ++count) {
    ASSERT_EQ(static_cast<unsigned char*>(blocks[count])[99], count % 256);
  }
  for (void* block : blocks) ThreadScope::release(block);
  // Nobody adopted the heap: whoever frees into it takes its empty slabs down.
  EXPECT_LT(page_heap.statistics().used_bytes, used_before + (1 << 20));
}

TEST(HeapThreads, NewThreadsAdoptAbandonedHeaps) {
  ThreadScope scope;
  const uint64_t created = counters.heaps_created.load();
  for (int round = 0; round < 50; ++round) {
    std::thread([] {
      ThreadScope other;
      ThreadScope::release(other.allocate(40));
    }).join();
  }
  EXPECT_LE(counters.heaps_created.load() - created, 1u);
}

// Many threads exchange blocks through shared places while others start and end.
TEST(HeapThreads, Churn) {
  constexpr int kPlaces = 512;
  static std::array<std::atomic<unsigned char*>, kPlaces> places;
  for (auto& place : places) place.store(nullptr);
  auto worker = [](unsigned seed) {
    ThreadScope scope;
    for (int step = 0; step < 30'000; ++step) {
      seed = seed * 1664525 + 1013904223;
      const size_t size = 16 + (seed >> 10) % (step % 50 == 0 ? 100'000 : 700);
      auto* block = static_cast<unsigned char*>(scope.allocate(size));
      const auto place = (seed >> 8) % kPlaces;
      block[0] = static_cast<unsigned char>(place);
      block[15] = static_cast<unsigned char>(place);
      unsigned char* old = places[place].exchange(block, std::memory_order_acq_rel);
      if (old == nullptr) continue;
      ASSERT_EQ(old[0], static_cast<unsigned char>(place));
      ASSERT_EQ(old[15], static_cast<unsigned char>(place));
      ThreadScope::release(old);
    }
  };
  for (int generation = 0; generation < 3; ++generation) {
    std::vector<std::thread> threads;
    for (unsigned thread = 0; thread < 4; ++thread) {
      threads.emplace_back(worker, thread * 77 + static_cast<unsigned>(generation));
    }
    for (std::thread& thread : threads) thread.join();
  }
  ThreadScope scope;
  for (auto& place : places) {
    if (unsigned char* block = place.exchange(nullptr)) ThreadScope::release(block);
  }
}

TEST(HeapThreads, TrimWhileOthersAllocate) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 3; ++thread) {
    threads.emplace_back([&] {
      ThreadScope scope;
      while (!stop.load()) {
        for (const size_t size : {100u, 70'000u, 2'000'000u}) {
          auto* block = static_cast<char*>(scope.allocate(size));
          block[0] = block[size - 1] = 3;
          std::this_thread::yield();
          ASSERT_EQ(block[0], 3);
          ASSERT_EQ(block[size - 1], 3);
          ThreadScope::release(block);
        }
      }
    });
  }
  for (int round = 0; round < 200; ++round) heap_trim(0);
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

// A write behind a block of the program's reaches none.
TEST(RemoteBatch, LiesInNoRegion) {
  ThreadScope scope;
  std::vector<RemoteBatch*> batches;
  for (int count = 0; count < 2000; ++count) {
    batches.push_back(take_batch());
    ASSERT_NE(batches.back(), nullptr);
    EXPECT_EQ(page_heap.map().find(batches.back()), nullptr);
  }
  for (RemoteBatch* batch : batches) return_batch(batch);
}

}  // namespace
}  // namespace hakmem
