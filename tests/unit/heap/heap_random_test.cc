// A model of malloc: random operations of several threads against what must be in each block.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <string.h>

#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "thread_heap_fixture.h"

namespace hakmem {
namespace {

struct Record {
  unsigned char* block;
  size_t size;
  unsigned char pattern;
};

// The start, the end and some bytes between.
void fill(const Record& record) {
  memset(record.block, record.pattern, std::min<size_t>(record.size, 256));
  if (record.size > 256) memset(record.block + record.size - 64, record.pattern, 64);
}

void check(const Record& record) {
  for (size_t at = 0; at < std::min<size_t>(record.size, 256); ++at) {
    ASSERT_EQ(record.block[at], record.pattern) << "size " << record.size << " at " << at;
  }
  if (record.size > 256) {
    for (size_t at = record.size - 64; at < record.size; ++at) {
      ASSERT_EQ(record.block[at], record.pattern) << "size " << record.size << " at " << at;
    }
  }
}

class Exchange {
 public:
  void put(const Record& record) {
    std::lock_guard guard(mutex_);
    records_.push_back(record);
  }
  bool take(std::mt19937& random, Record& record) {
    std::lock_guard guard(mutex_);
    if (records_.empty()) return false;
    std::swap(records_[random() % records_.size()], records_.back());
    record = records_.back();
    records_.pop_back();
    return true;
  }

 private:
  std::mutex mutex_;
  std::vector<Record> records_;
};

size_t random_size(std::mt19937& random) {
  switch (random() % 16) {
    case 0:
      return random() % (1 << 21);
    case 1:
    case 2:
      return random() % (1 << 16);
    case 3:
    case 4:
      return random() % (1 << 12);
    default:
      return random() % 512;
  }
}

void work(Exchange& exchange, unsigned seed, int steps) {
  ThreadScope scope;
  std::mt19937 random(seed);
  std::vector<Record> mine;
  for (int step = 0; step < steps; ++step) {
    const unsigned action = random() % 10;
    if (action < 4 || mine.empty()) {
      const size_t size = random_size(random);
      const size_t alignment = random() % 4 == 0 ? size_t{1} << random() % 17 : 1;
      const bool zeroed = alignment == 1 && random() % 3 == 0;
      void* block = zeroed ? heap_allocate_zeroed(scope.heap(), size)
                           : heap_allocate_aligned(scope.heap(), alignment, size);
      ASSERT_NE(block, nullptr);
      ASSERT_EQ(reinterpret_cast<uintptr_t>(block) % alignment, 0u);
      Record record = {static_cast<unsigned char*>(block), size,
                       static_cast<unsigned char>(zeroed ? 0 : random())};
      if (zeroed) {
        check(record);
        record.pattern = static_cast<unsigned char>(random());
      }
      fill(record);
      mine.push_back(record);
      continue;
    }
    std::swap(mine[random() % mine.size()], mine.back());
    Record record = mine.back();
    mine.pop_back();
    check(record);
    if (action < 7) {
      ThreadScope::release(record.block);
    } else if (action == 7) {
      const size_t size = std::max<size_t>(random_size(random), 1);
      Record kept = record;
      kept.size = std::min(record.size, size);
      kept.block =
          static_cast<unsigned char*>(heap_reallocate(scope.heap(), record.block, size, "realloc"));
      ASSERT_NE(kept.block, nullptr);
      for (size_t at = 0; at < std::min<size_t>(kept.size, 256); ++at) {
        ASSERT_EQ(kept.block[at], kept.pattern);
      }
      kept.size = size;
      fill(kept);
      mine.push_back(kept);
    } else {
      exchange.put(record);
      if (exchange.take(random, record)) mine.push_back(record);
    }
  }
  for (const Record& record : mine) exchange.put(record);
}

TEST(HeapRandom, AgainstAModel) {
  const char* given = getenv("HAKMEM_TEST_SEED");
  const unsigned seed =
      given != nullptr ? static_cast<unsigned>(atoi(given)) : std::random_device()();
  printf("seed %u (HAKMEM_TEST_SEED repeats it)\n", seed);
  Exchange exchange;
  for (unsigned generation = 0; generation < 3; ++generation) {
    std::vector<std::thread> threads;
    for (unsigned thread = 0; thread < 3; ++thread) {
      threads.emplace_back(
          [&, thread] { work(exchange, seed + generation * 10 + thread, 20'000); });
    }
    for (std::thread& thread : threads) thread.join();
  }
  ThreadScope scope;
  std::mt19937 random(seed);
  Record record;
  while (exchange.take(random, record)) {
    check(record);
    ThreadScope::release(record.block);
  }
}

}  // namespace
}  // namespace hakmem
