// Owns: how much memory was in use at once within the last hold time.
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
  }

  Slices peak() const {
    return {std::max(previous_.load(std::memory_order_relaxed),
                     current_.load(std::memory_order_relaxed))};
  }

  // What is worth keeping beside `used`.
  Slices spare(Slices used) const {
    constexpr uint32_t kAlways = 64;  // 4 MiB
    const Slices most = peak();
    return {std::max(kAlways, most.count - std::min(used, most).count + used.count / 32)};
  }

 private:
  std::atomic<uint32_t> previous_{0};  // slices
  std::atomic<uint32_t> current_{0};
};

}  // namespace hakmem
