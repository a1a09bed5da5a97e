#include "base/lock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/assert.h"

namespace hakmem {
namespace {

TEST(Lock, Excludes) {
  Lock lock(LockRank::kPageHeap);
  long counter = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int step = 0; step < 50'000; ++step) {
        LockGuard guard(lock);
        ++counter;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter, 200'000);
}

TEST(Lock, AChildTakesItFromALostThreadButNotFromItself) {
  Lock lost(LockRank::kPageHeap);
  Lock mine(LockRank::kRegistry);
  Lock free(LockRank::kMetadata);
  std::thread([&] { lost.lock(); }).join();
  LockGuard guard(mine);
  EXPECT_FALSE(mine.take_from_lost_thread());
  EXPECT_FALSE(free.take_from_lost_thread());
  EXPECT_TRUE(lost.take_from_lost_thread());
  LockGuard again(lost);
}

TEST(Lock, AgainstTheOrderOfRanksTheProcessEnds) {
  if (!kAssertions) GTEST_SKIP() << "assertions are off in this build";
  Lock first(LockRank::kRegistry);
  Lock second(LockRank::kPageHeap);
  EXPECT_DEATH(
      {
        LockGuard outer(second);
        LockGuard inner(first);
      },
      "rank order violated");
}

TEST(Lock, WhoHasToWaitSaysSoBefore) {
  static std::atomic<int> waits{0};
  Lock lock(LockRank::kPageHeap);
  set_before_waiting([] { ++waits; });
  { LockGuard guard(lock); }
  EXPECT_EQ(waits, 0);
  std::thread other;
  {
    LockGuard guard(lock);
    other = std::thread([&] { LockGuard inner(lock); });
    while (waits == 0) std::this_thread::yield();
  }
  other.join();
  set_before_waiting(nullptr);
}

}  // namespace
}  // namespace hakmem
