// Owns: how much memory was in use at once within the last hold time, what had to be bought back.
// Called by: the page heap; written under its lock, read without.
// Never: a bound on what the program may use.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "base/units.h"

namespace hakmem {

// What was in use a moment ago is likely to be wanted again; what never was is not (Temeraire's
// demand-based release, OSDI '21). The slack on top is for requests that fit nowhere in between.
class Demand {
 public:
  void saw(Slices used) {
    if (used.count > current_.load(std::memory_order_relaxed)) {
      current_.store(used.count, std::memory_order_relaxed);
    }
  }

  // A hold time is over.
  void turn(Slices used) {
    previous_.store(current_.load(std::memory_order_relaxed), std::memory_order_relaxed);
    current_.store(used.count, std::memory_order_relaxed);
    sold_ = bought_ = worth_ = 0;
    const uint32_t slack = slack_.load(std::memory_order_relaxed);
    slack_.store(slack - slack / 4, std::memory_order_relaxed);
  }

  // What was above the spare was given back; fresh memory was taken.
  void sold(Slices purged) { sold_ += purged.count; }
  // For a span of `length`. `percent`: how long a slice of its kind is worth holding, of a turn.
  void bought(Slices fresh, Slices length, uint32_t percent) {
    const uint32_t again = std::min(fresh.count, sold_ - bought_);
    if (again == 0) return;
    bought_ += again;
    worth_ += again * percent;
    const uint32_t worth = worth_ / 100;
    const uint32_t slack = std::max(std::min(worth, length.count), worth / 2);
    if (slack > slack_.load(std::memory_order_relaxed)) {
      slack_.store(slack, std::memory_order_relaxed);
    }
  }

  Slices peak() const {
    return {std::max(previous_.load(std::memory_order_relaxed),
                     current_.load(std::memory_order_relaxed))};
  }

  // What is worth keeping beside `used`.
  Slices spare(Slices used) const {
    constexpr uint32_t kAlways = 64;  // 4 MiB
    const Slices most = peak();
    const uint32_t slack = slack_.load(std::memory_order_relaxed);
    return {std::max(kAlways, most.count - std::min(used, most).count + used.count / 32 + slack)};
  }

 private:
  std::atomic<uint32_t> previous_{0};  // slices
  std::atomic<uint32_t> current_{0};
  // Slices that were bought back within one hold time: to hold them that long would have cost as
  // much. At most the longest span that was short of them, for one hole of its size would have
  // served, unless much more was bought. Fades. Where what is bought falls as the slack grows, as
  // its inverse, both cost least together where they are equal; half of that slack costs 6 % more.
  std::atomic<uint32_t> slack_{0};
  uint32_t sold_ = 0;    // since the last turn
  uint32_t bought_ = 0;  // of those
  uint32_t worth_ = 0;   // of those, in slices held for a turn; percent
};

}  // namespace hakmem
