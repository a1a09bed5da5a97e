// Owns: a few spans that a thread freed and is likely to want again.
// Called by: thread_cache.cc for the owner; purging from any thread (take_any).
// Never: a lock. The owner alone puts; whoever exchanges a slot to null owns the span.
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

class SpanCache {
 public:
  static constexpr uint32_t kSlots = 8;

  // A span of exactly `length`, or nullptr.
  Span* take(Slices length) {
    for (uint32_t slot = 0; slot < kSlots; ++slot) {
      if (length_of(slot) != length) continue;
      Span* span = take_any(slot);
      forget(slot);
      if (span != nullptr) {
        vacant_ = slot;
        worth_ = std::min(worth_ + 1, kSlots * kWorthPerSlot);
        note_use();
        std::atomic<uint64_t>& hits = hits_[doubling_of(length)];
        hits.store(hits.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        return span;
      }
    }
    return nullptr;
  }

  // Keeps `span`; returns the one that has to leave for it, or nullptr.
  Span* put(Span* span) {
    note_use();
    // Once the span is in its slot another thread may have it, give it away and change it.
    const Slices length{span->slices};
    const uint32_t slot = slot_for_one_more();
    Span* displaced = nullptr;
    if (length_of(slot) == Slices{0}) {
      // Others only take: what is empty stays so.
      slots_[slot].store(span, std::memory_order_release);
    } else {
      displaced = slots_[slot].exchange(span, std::memory_order_acq_rel);
      forget(slot);
    }
    if (displaced != nullptr && worth_ > kWorthPerSlot) --worth_;
    lengths_[slot].store(length.count, std::memory_order_relaxed);
    noted_ = noted_ + length;
    ++occupied_;
    return displaced;
  }

  // What the owner put and did not take: others may have taken some of it, until forget_taken.
  Slices noted() const { return noted_; }
  void forget_taken() {
    for (uint32_t slot = 0; slot < kSlots; ++slot) {
      if (length_of(slot) != Slices{0} && !holds(slot)) forget(slot);
    }
  }

  // Of a cache that is empty, whose owner is lost: what it noted may be half noted.
  void forget_notes() {
    for (std::atomic<uint32_t>& length : lengths_) length.store(0, std::memory_order_relaxed);
    noted_ = {};
    occupied_ = 0;
  }

  // From any thread: empties `slot`.
  Span* take_any(uint32_t slot) {
    return slots_[slot].exchange(nullptr, std::memory_order_acquire);
  }

  // May be less by the time the caller looks: other threads take without telling.
  Slices held() const {
    Slices sum;
    for (uint32_t slot = 0; slot < kSlots; ++slot) {
      if (holds(slot)) sum = sum + length_of(slot);
    }
    return sum;
  }

  // Whether the owner neither put nor took since the last call, which is another thread's.
  bool has_been_idle() {
    const uint32_t now = uses_.load(std::memory_order_relaxed);
    return uses_seen_.exchange(now, std::memory_order_relaxed) == now;
  }

  // Spans of up to 2, 4, 8 .. slices; the last is the rest.
  static constexpr uint32_t kDoublings = 8;
  static uint32_t doubling_of(Slices length) {
    return std::min(floor_log2((length.count - 1) | 1), kDoublings - 1);
  }

  // Since the heap was made. Kept per heap: a shared counter would cost an atomic addition here.
  uint64_t hits(uint32_t doubling) const { return hits_[doubling].load(std::memory_order_relaxed); }

 private:
  // Memory that waits here serves nobody else. Every hit makes up for one span that left unused:
  // where most leave so, one slot is kept.
  static constexpr uint32_t kWorthPerSlot = 4;

  bool one_more_pays() const { return occupied_ * kWorthPerSlot < worth_; }

  uint32_t slot_for_one_more() {
    if (one_more_pays() && length_of(vacant_) == Slices{0}) return vacant_;
    forget_taken();
    if (one_more_pays()) {
      uint32_t empty = 0;
      while (length_of(empty) != Slices{0}) ++empty;
      return empty;
    }
    for (uint32_t step = 1; step < kSlots && !holds(oldest_ % kSlots); ++step) ++oldest_;
    return oldest_++ % kSlots;
  }

  Slices length_of(uint32_t slot) const { return {lengths_[slot].load(std::memory_order_relaxed)}; }

  void forget(uint32_t slot) {
    noted_ = noted_ - length_of(slot);
    --occupied_;
    lengths_[slot].store(0, std::memory_order_relaxed);
  }

  void note_use() {
    uses_.store(uses_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  bool holds(uint32_t slot) const {
    return slots_[slot].load(std::memory_order_relaxed) != nullptr;
  }

  // In slices; the owner's. Zero: the slot is empty. Stale where another thread took the span.
  std::array<std::atomic<uint32_t>, kSlots> lengths_{};
  std::array<std::atomic<Span*>, kSlots> slots_{};
  Slices noted_;           // the sum of lengths_
  uint32_t occupied_ = 0;  // how many of them are not zero
  uint32_t vacant_ = 0;    // where the owner took the last time
  uint32_t oldest_ = 0;
  uint32_t worth_ = kSlots * kWorthPerSlot;
  std::array<std::atomic<uint64_t>, kDoublings> hits_{};
  std::atomic<uint32_t> uses_{0};
  std::atomic<uint32_t> uses_seen_{0};
};

}  // namespace hakmem
