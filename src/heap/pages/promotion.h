// Owns: whether huge pages pay on this machine at this moment, by the time of their first touches.
// Called by: the page heap.
// Never: a lock; a wrong guess costs one slow first touch.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "base/units.h"

namespace hakmem {

// A first touch of a huge page takes 40 to 220 us where free memory is at hand, and 4 to 6 ms where
// a hypervisor has taken it back, which it does to whole free huge pages first. While most touches
// are of that kind, small pages are the better choice, as long as they come from memory that was in
// use a moment ago: once that is spent, they wait for the hypervisor as well. A dear touch among
// cheap ones is the price of growth, paid with small pages as well.
class Promotion {
 public:
  // Whether to ask for one more huge page.
  bool allowed() const { return pause_left_.load(std::memory_order_relaxed) == 0; }

  // Nothing is known yet, or a pause is over.
  bool is_untried() const { return allowed() && untried_.load(std::memory_order_relaxed); }

  // The heap took `fresh` slices of small pages: a pause is measured in growth.
  void grew(Slices fresh) {
    const uint32_t left = pause_left_.load(std::memory_order_relaxed);
    if (left != 0) pause_left_.store(left - std::min(left, fresh.count), std::memory_order_relaxed);
  }

  // Takes in what first touches of small pages cost. A pause ends when they are as dear as the huge
  // pages were.
  void small_pages_took(uint64_t nanoseconds, size_t bytes) {
    const uint64_t part = std::max(kHugePageSize / bytes, size_t{1});
    const uint64_t sample = std::min(nanoseconds, kMostCounted) * part;
    const uint64_t share = part * kShareOfSmall;
    const uint64_t before = small_.load(std::memory_order_relaxed);
    const uint64_t estimate = before - before / share + sample / share;
    small_.store(estimate, std::memory_order_relaxed);
    if (estimate >= dear_.load(std::memory_order_relaxed)) {
      pause_left_.store(0, std::memory_order_relaxed);
    }
  }

  // For the parent of a fork: what it writes to is copied while the child lives.
  void pause() {
    dear_.store(UINT64_MAX, std::memory_order_relaxed);
    pause_left_.store(kFirstPause, std::memory_order_relaxed);
    untried_.store(true, std::memory_order_relaxed);
  }

  // Takes in what a first touch cost, the first of `pages` that are about to be touched; true when
  // it was dear, and begins a pause. Pauses that follow on each other double.
  bool first_touch_took(uint64_t nanoseconds, HugePages pages) {
    const uint64_t limit = std::max(kDearTouch, small_.load(std::memory_order_relaxed));
    const bool dear = nanoseconds >= limit;
    uint64_t estimate = touch_.load(std::memory_order_relaxed);
    for (uint64_t page = 0; page < std::min(uint64_t{pages.count}, kShare); ++page) {
      estimate = estimate - estimate / kShare + std::min(nanoseconds, kMostCounted) / kShare;
    }
    if (estimate < limit && !(dear && untried_.load(std::memory_order_relaxed))) {
      touch_.store(estimate, std::memory_order_relaxed);
      untried_.store(false, std::memory_order_relaxed);
      if (!dear) next_pause_.store(kFirstPause, std::memory_order_relaxed);
      return false;
    }
    dear_.store(std::max(estimate, nanoseconds), std::memory_order_relaxed);
    touch_.store(kUsualTouch, std::memory_order_relaxed);
    untried_.store(true, std::memory_order_relaxed);
    const uint32_t pause = next_pause_.load(std::memory_order_relaxed);
    pause_left_.store(pause, std::memory_order_relaxed);
    next_pause_.store(std::min(pause * 2, kLongestPause), std::memory_order_relaxed);
    return dear;
  }

 private:
  static constexpr uint64_t kUsualTouch = 200'000;
  static constexpr uint64_t kDearTouch = 1'000'000;    // what 512 faults of warm memory cost
  static constexpr uint64_t kMostCounted = 5'000'000;  // the rest may be a preempted measurement
  static constexpr uint64_t kShare = 8;                // of the estimate that a touch moves
  static constexpr uint64_t kShareOfSmall = 2;         // in huge pages
  static constexpr uint32_t kFirstPause = 128 * kSlicesPerHugePage;
  static constexpr uint32_t kLongestPause = 4096 * kSlicesPerHugePage;

  std::atomic<uint64_t> touch_{kUsualTouch};  // a running estimate, in nanoseconds
  std::atomic<uint64_t> small_{0};            // the same for small pages, as many as a huge page is
  std::atomic<uint64_t> dear_{0};             // what huge pages took when the pause began
  std::atomic<uint32_t> pause_left_{0};       // slices of growth
  std::atomic<uint32_t> next_pause_{kFirstPause};
  std::atomic<bool> untried_{true};
};

}  // namespace hakmem
