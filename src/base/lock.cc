// Owns: the slow and fast halves of Lock.
// Called by: lock.h's users.
// Never: errno changed, a cancellation point (raw futex calls only).
#include "base/lock.h"

#include <linux/futex.h>

#include <climits>

#include "base/bits.h"
#include "base/log.h"
#include "base/system_call.h"
#include "base/thread_id.h"

namespace hakmem {
namespace {

constexpr uint32_t kFree = 0;
constexpr uint32_t kHeld = 1;
constexpr uint32_t kContended = 2;
constexpr int kSpins = 64;

void futex(std::atomic<uint32_t>* word, int operation, uint32_t value) {
  system_call(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value);
}

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

#ifndef NDEBUG
__thread __attribute__((tls_model("initial-exec"))) uint32_t held_ranks;

void check_rank_taken(LockRank rank) {
  const uint32_t bit = uint32_t{1} << static_cast<uint32_t>(rank);
  if (held_ranks >= bit) fatal("lock", "rank order violated, lock", static_cast<uintptr_t>(rank));
  held_ranks |= bit;
}

void check_rank_released(LockRank rank) {
  held_ranks &= ~(uint32_t{1} << static_cast<uint32_t>(rank));
}
#else
void check_rank_taken(LockRank) {}
void check_rank_released(LockRank) {}
#endif

}  // namespace

bool Lock::held_by_forking_self() const {
  return forking_thread_.load(std::memory_order_relaxed) == this_thread();
}

void Lock::acquire() {
  uint32_t seen = kFree;
  if (word_.compare_exchange_strong(seen, kHeld, std::memory_order_acquire)) return;
  for (int spin = 0; spin < kSpins; ++spin) {
    relax();
    seen = kFree;
    if (word_.load(std::memory_order_relaxed) == kFree &&
        word_.compare_exchange_strong(seen, kHeld, std::memory_order_acquire)) {
      return;
    }
  }
  while (word_.exchange(kContended, std::memory_order_acquire) != kFree) {
    futex(&word_, FUTEX_WAIT, kContended);
  }
}

void Lock::release() {
  if (word_.exchange(kFree, std::memory_order_release) == kContended) futex(&word_, FUTEX_WAKE, 1);
}

void Lock::lock() {
  if (HAKMEM_UNLIKELY(held_by_forking_self())) return;
  check_rank_taken(rank_);
  acquire();
}

void Lock::unlock() {
  if (HAKMEM_UNLIKELY(held_by_forking_self())) return;
  check_rank_released(rank_);
  release();
}

void Lock::lock_for_fork() {
  acquire();
  forking_thread_.store(this_thread(), std::memory_order_relaxed);
}

void Lock::unlock_after_fork_in_parent() {
  forking_thread_.store(0, std::memory_order_relaxed);
  release();
}

void Lock::reset_after_fork_in_child() {
  forking_thread_.store(0, std::memory_order_relaxed);
  // Handlers that ran before ours may have made threads, which may be waiting.
  if (word_.exchange(kFree, std::memory_order_release) == kContended) {
    futex(&word_, FUTEX_WAKE, INT_MAX);
  }
}

}  // namespace hakmem
