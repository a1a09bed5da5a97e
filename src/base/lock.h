// Owns: the allocator's mutex: a futex word with a rank, safe across fork.
// Called by: slow paths of every layer, and the fork handlers of the frontend.
// Never: taken on the fast path; never taken against the order of ranks (checked in debug builds).
#pragma once

#include <atomic>
#include <cstdint>

namespace hakmem {

// Locks are taken in ascending rank; the fork handlers walk the same order.
enum class LockRank : uint8_t {
  kChecks = 0,
  kRegistry = 1,
  kArenas = 2,
  kMetadata = 3,
  kLending = 4,
  kPageHeap = 5,
  kDirectMaps = 6,
  kRing = 7
};

// A mutex without an allocation, a constructor or a library behind it (Drepper, "Futexes Are
// Tricky", mutex 3). While a fork is under way the forking thread passes through locks that it
// holds already: fork handlers of the program that run after ours may allocate.
class Lock {
 public:
  constexpr explicit Lock(LockRank rank) : rank_(rank) {}
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  void lock();
  void unlock();

  // For the fork handlers: held from prepare to parent or child.
  void lock_for_fork();
  void unlock_after_fork_in_parent();
  // The child has one thread: whatever state the word is in, the lock is free now.
  void reset_after_fork_in_child();

 private:
  bool held_by_forking_self() const;
  void acquire();
  void release();

  std::atomic<uint32_t> word_{0};
  std::atomic<uintptr_t> forking_thread_{0};
  const LockRank rank_;
};

class LockGuard {
 public:
  explicit LockGuard(Lock& lock) : lock_(lock) { lock_.lock(); }
  ~LockGuard() { lock_.unlock(); }
  LockGuard(const LockGuard&) = delete;
  LockGuard& operator=(const LockGuard&) = delete;

 private:
  Lock& lock_;
};

}  // namespace hakmem
