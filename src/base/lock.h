// Owns: the allocator's mutex: a futex word with a rank.
// Called by: slow paths of every layer.
// Never: taken on the fast path, nor across a fork; never against the order of ranks.
#pragma once

#include <atomic>
#include <cstdint>

namespace hakmem {

// Locks are taken in ascending rank (checked where assertions are on).
enum class LockRank : uint8_t {
  kChecks = 0,
  kRegistry = 1,
  kArenas = 2,
  kMetadata = 3,
  kPageHeap = 4,
  kDirectMaps = 5,
  kLibcNames = 6
};

// A mutex without an allocation, a constructor or a library behind it (Drepper, "Futexes Are
// Tricky", mutex 3).
//
// No fork waits for one: libc's fork takes locks of its own (streams, name service) from threads
// that allocate while they hold them, and so may other libraries' handlers. A child finds each lock
// as it was. One that is free guards something whole; what a lost thread was changing is made whole
// from what its words say in any order that keep_store_order() leaves possible.
class Lock {
 public:
  constexpr explicit Lock(LockRank rank) : rank_(rank) {}
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  void lock();
  // False where some thread holds it, be it the calling one.
  bool try_lock();
  void unlock();

  // In a child, before any other use: frees the lock if a thread held it that is not here, and says
  // so. What the calling thread holds, in a signal handler that forks, it goes on holding.
  bool take_from_lost_thread();

  // Whether the calling thread holds a lock of this rank: it is in a signal handler.
  bool is_mine() const;

 private:
  void note_held();
  bool try_acquire();
  void acquire();
  void release();

  std::atomic<uint32_t> word_{0};
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

// Called when a thread is about to wait, without a lock of this rank or above: in a child that no
// fork handler has set up (_Fork, clone) the holder may not exist, and the function sets it up.
void set_before_waiting(void (*function)());
// Calls it, for who is about to wait for, or complain about, a thread that may not exist.
void look_for_lost_threads();

}  // namespace hakmem
