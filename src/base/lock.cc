// Owns: the slow and fast halves of Lock.
// Called by: see lock.h.
// Never: errno changed, a cancellation point (raw futex calls only).
#include "base/lock.h"

#include <linux/futex.h>

#include "base/assert.h"
#include "base/bits.h"
#include "base/log.h"
#include "base/store_order.h"
#include "base/system_call.h"

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

// By the calling thread; a bit for each rank. No two locks of a rank are held at once.
__thread uint32_t held_ranks __attribute__((tls_model("initial-exec"))) = 0;

constinit std::atomic<void (*)()> before_waiting{nullptr};

uint32_t bit_of(LockRank rank) {
  return uint32_t{1} << static_cast<uint32_t>(rank);
}

}  // namespace

void set_before_waiting(void (*function)()) {
  before_waiting.store(function, std::memory_order_relaxed);
}

void look_for_lost_threads() {
  void (*const function)() = before_waiting.load(std::memory_order_relaxed);
  if (function != nullptr) function();
}

bool Lock::is_mine() const {
  return (held_ranks & bit_of(rank_)) != 0;
}

bool Lock::try_acquire() {
  uint32_t seen = kFree;
  return word_.load(std::memory_order_relaxed) == kFree &&
         word_.compare_exchange_strong(seen, kHeld, std::memory_order_acquire);
}

void Lock::acquire() {
  if (HAKMEM_LIKELY(try_acquire())) return;
  for (int spin = 0; spin < kSpins; ++spin) {
    relax();
    if (try_acquire()) return;
  }
  look_for_lost_threads();
  while (word_.exchange(kContended, std::memory_order_acquire) != kFree) {
    futex(&word_, FUTEX_WAIT, kContended);
  }
}

void Lock::release() {
  if (word_.exchange(kFree, std::memory_order_release) == kContended) futex(&word_, FUTEX_WAKE, 1);
}

// Nothing of what the lock guards changes before it shows as held.
void Lock::note_held() {
  keep_store_order();
  held_ranks |= bit_of(rank_);
}

void Lock::lock() {
  if (kAssertions && held_ranks >= bit_of(rank_)) {
    fatal("lock", "rank order violated, lock", static_cast<uintptr_t>(rank_));
  }
  acquire();
  note_held();
}

bool Lock::try_lock() {
  if (!try_acquire()) return false;
  note_held();
  return true;
}

void Lock::unlock() {
  held_ranks &= ~bit_of(rank_);
  release();
}

bool Lock::take_from_lost_thread() {
  if (word_.load(std::memory_order_relaxed) == kFree || is_mine()) return false;
  release();
  return true;
}

}  // namespace hakmem
