#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "heap/threads/heap_mending.h"
#include "thread_heap_fixture.h"

namespace hakmem {
namespace {

#if !defined(__SANITIZE_THREAD__)  // which does not follow a threaded process into fork
TEST(HeapFork, TheChildTakesOverWhatItsLostThreadsOwned) {
  ThreadScope scope;
  std::atomic<bool> stop{false};
  std::atomic<int> ready{0};
  std::vector<void*> shared[3];
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 3; ++thread) {
    threads.emplace_back([&, thread] {
      ThreadScope other;
      for (int count = 0; count < 1000; ++count) shared[thread].push_back(other.allocate(120));
      ++ready;
      while (!stop) ThreadScope::release(other.allocate(500));
    });
  }
  while (ready < 3) std::this_thread::yield();
  int good = 0;
  for (int round = 0; round < 50; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      heap_after_fork_in_child();
      for (auto& blocks : shared) {
        for (void* block : blocks) ThreadScope::release(block);
      }
      std::thread([&] {
        ThreadScope adopted;
        for (size_t size = 1; size < 2000; ++size) ThreadScope::release(adopted.allocate(size));
      }).join();
      _exit(0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    if (status == 0) ++good;
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 50);
  for (auto& blocks : shared) {
    for (void* block : blocks) ThreadScope::release(block);
  }
}
#endif

}  // namespace
}  // namespace hakmem
