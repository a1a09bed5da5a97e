// Owns: the first level of BigCache: the spans that a thread keeps for itself, and how many it may.
// Called by: extent.cc and thread_heap.cc for the owner; purging and trimming from any thread.
// Never: a lock; a span in a cache and in the page heap at once.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/units.h"
#include "heap/span.h"
#include "heap/threads/span_cache.h"

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
  // In a child of a fork, for threads are lost between the two notes of a grant.
  void set(Slices granted) { granted_.store(granted.count, std::memory_order_relaxed); }
  void give_back(Slices quota) { granted_.fetch_sub(quota.count, std::memory_order_relaxed); }
  Slices granted() const { return {granted_.load(std::memory_order_relaxed)}; }

 private:
  std::atomic<uint32_t> granted_{0};
};

extern constinit HAKMEM_HIDDEN CacheQuotas cache_quotas;

class ThreadCache {
 public:
  // A freed span of exactly `length`, or nullptr. It holds old contents.
  Span* take_extent(Slices length) { return extents_.take(length); }
  Span* take_slab(Slices length) { return slabs_.take(length); }

  // Keeps the span, or gives it, or the one that has to leave for it, to the page heap. Memory of
  // slabs is kept apart: a thread that works on small blocks empties one slab and makes another
  // all the time, and what it gave to the page heap might be purged for the sake of others.
  void keep_extent(Span& extent) { keep(extents_, extent); }
  void keep_slab(Span& slab);

  // The rest is for any thread.

  // Gives all to the page heap.
  void drop();
  // Whether the owner neither put nor took since the last call.
  bool has_been_idle();
  // May be less by the time the caller looks: other threads take without telling.
  Slices held() const { return extents_.held() + slabs_.held(); }
  uint64_t extent_hits(uint32_t doubling) const { return extents_.hits(doubling); }
  uint64_t slab_hits() const;

  Slices quota() const { return quota_; }
  // At the end of the owner.
  void return_quota();
  // For an owner that a fork has lost.
  void forget();

 private:
  void keep(SpanCache& cache, Span& span);
  bool has_room(Slices length, Slices limit);
  Slices noted() const { return extents_.noted() + slabs_.noted(); }

  SpanCache extents_;
  SpanCache slabs_;
  Slices quota_;  // of cache_quotas; the owner's
};

}  // namespace hakmem
