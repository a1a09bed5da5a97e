// Owns: the first level of BigCache: extents that a thread freed and is likely to want again.
// Called by: extent.cc for the owner; purging from any thread (take_any).
// Never: a lock. The owner alone puts; whoever exchanges a slot to null owns the extent.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/bits.h"
#include "base/units.h"
#include "heap/span.h"

namespace hakmem {

// What all threads together may keep. A thread asks in steps, so that threads that free and
// allocate again share no cache line.
class CacheQuotas {
 public:
  // Whether `step` more fits below `most`; if so, it is granted.
  bool grant(Slices step, Slices most) {
    const uint32_t before = granted_.fetch_add(step.count, std::memory_order_relaxed);
    if (before + step.count <= most.count) return true;
    give_back(step);
    return false;
  }
  void give_back(Slices quota) { granted_.fetch_sub(quota.count, std::memory_order_relaxed); }
  Slices granted() const { return {granted_.load(std::memory_order_relaxed)}; }

 private:
  std::atomic<uint32_t> granted_{0};
};

extern constinit HAKMEM_HIDDEN CacheQuotas cache_quotas;

class ExtentCache {
 public:
  static constexpr uint32_t kSlots = 8;

  // An extent of exactly `length`, or nullptr.
  Span* take(Slices length) {
    for (uint32_t slot = 0; slot < kSlots; ++slot) {
      if (lengths_[slot] != length.count) continue;
      lengths_[slot] = 0;
      Span* extent = slots_[slot].exchange(nullptr, std::memory_order_acquire);
      if (extent != nullptr) {
        worth_ = std::min(worth_ + 1, kSlots * kWorthPerSlot);
        note_use();
        std::atomic<uint64_t>& hits = hits_[doubling_of(length)];
        hits.store(hits.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        return extent;
      }
    }
    return nullptr;
  }

  // Keeps `extent`; returns the one that has to leave for it, or nullptr.
  Span* put(Span* extent) {
    note_use();
    const uint32_t slot = slot_for_one_more();
    lengths_[slot] = extent->slices;
    Span* displaced = slots_[slot].exchange(extent, std::memory_order_acq_rel);
    if (displaced != nullptr && worth_ > kWorthPerSlot) --worth_;
    return displaced;
  }

  // From any thread: empties `slot`.
  Span* take_any(uint32_t slot) {
    return slots_[slot].exchange(nullptr, std::memory_order_acquire);
  }

  // May be less by the time the caller looks: other threads take without telling.
  Slices held() const {
    Slices sum;
    for (uint32_t slot = 0; slot < kSlots; ++slot) sum.count += holds(slot) ? lengths_[slot] : 0;
    return sum;
  }

  // Whether the owner neither put nor took since the last call, which is another thread's.
  bool has_been_idle() {
    const uint32_t now = uses_.load(std::memory_order_relaxed);
    const bool idle = now == uses_seen_;
    uses_seen_ = now;
    return idle;
  }

  Slices quota;  // of cache_quotas; the owner's

  // Extents of up to 2, 4, 8 .. slices; the last is the rest.
  static constexpr uint32_t kDoublings = 8;
  static uint32_t doubling_of(Slices length) {
    return std::min(floor_log2((length.count - 1) | 1), kDoublings - 1);
  }

  // Since the heap was made. Kept per heap: a shared counter would cost an atomic addition here.
  uint64_t hits(uint32_t doubling) const { return hits_[doubling].load(std::memory_order_relaxed); }

 private:
  // Memory that waits here serves nobody else. Every hit makes up for one extent that left unused:
  // where most leave so, one slot is kept.
  static constexpr uint32_t kWorthPerSlot = 4;

  uint32_t slot_for_one_more() {
    uint32_t held = 0;
    uint32_t empty = kSlots;
    for (uint32_t slot = 0; slot < kSlots; ++slot) {
      if (holds(slot)) {
        ++held;
      } else {
        empty = slot;
      }
    }
    if (held * kWorthPerSlot < worth_ && empty < kSlots) return empty;
    for (uint32_t step = 1; step < kSlots && !holds(oldest_ % kSlots); ++step) ++oldest_;
    return oldest_++ % kSlots;
  }

  void note_use() {
    uses_.store(uses_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  bool holds(uint32_t slot) const {
    return slots_[slot].load(std::memory_order_relaxed) != nullptr;
  }

  std::array<uint32_t, kSlots> lengths_{};  // the owner's; stale where the slot is empty
  std::array<std::atomic<Span*>, kSlots> slots_{};
  uint32_t oldest_ = 0;
  uint32_t worth_ = kSlots * kWorthPerSlot;
  std::array<std::atomic<uint64_t>, kDoublings> hits_{};
  std::atomic<uint32_t> uses_{0};
  uint32_t uses_seen_ = 0;
};

}  // namespace hakmem
