#include "base/lock.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

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

TEST(Lock, TheForkingThreadPassesThrough) {
  Lock lock(LockRank::kPageHeap);
  lock.lock_for_fork();
  { LockGuard guard(lock); }
  bool other_got_in = false;
  std::thread other([&] {
    LockGuard guard(lock);
    other_got_in = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(other_got_in);
  lock.unlock_after_fork_in_parent();
  other.join();
  EXPECT_TRUE(other_got_in);
}

}  // namespace
}  // namespace hakmem
