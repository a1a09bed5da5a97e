// Owns: what a thread may keep of the spans that it freed.
// Called by: see thread_cache.h.
// Never: more than the limit of one thread, or than the quota of all.
#include "heap/threads/thread_cache.h"

#include <algorithm>

#include "base/bits.h"
#include "heap/blocks/extent.h"
#include "heap/pages/page_heap.h"
#include "policy/knobs.h"

namespace hakmem {

constinit CacheQuotas cache_quotas;

// Half of what may be retained goes to the threads, in steps of a megabyte.
bool ThreadCache::has_room(Slices length, Slices limit) {
  constexpr Slices kStep{16};
  if (HAKMEM_LIKELY(noted() + length <= std::min(quota_, limit))) return true;
  extents_.forget_taken();
  slabs_.forget_taken();
  const Slices needed = noted() + length;
  if (needed > limit) return false;
  if (needed <= quota_) return true;
  const size_t most = std::min(read_knob(knobs.retained_limit) / 2, kLargestExtent);
  const Slices step = std::max(kStep, needed - quota_);
  if (!cache_quotas.grant(step, Slices::covering(most))) return false;
  quota_ = quota_ + step;
  return true;
}

void ThreadCache::keep(SpanCache& cache, Span& span) {
  const Slices limit = Slices::covering(read_knob(knobs.thread_cache_limit));
  const Slices length{span.slices};
  if (length.count > limit.count / 2 || !has_room(length, limit)) {
    page_heap.free(&span, span.site);
    return;
  }
  span.kind.store(SpanKind::kCached, std::memory_order_relaxed);
  if (Span* displaced = cache.put(&span)) page_heap.free(displaced, displaced->site);
  page_heap.note_kept_by_thread();
}

void ThreadCache::keep_slab(Span& slab) {
  slab.site = kUnknownSite;
  slab.heap = nullptr;
  slab.owner.store(0, std::memory_order_relaxed);
  keep(slabs_, slab);
}

void ThreadCache::drop() {
  for (SpanCache* cache : {&extents_, &slabs_}) {
    for (uint32_t slot = 0; slot < SpanCache::kSlots; ++slot) {
      if (Span* span = cache->take_any(slot)) page_heap.free(span, span->site);
    }
  }
}

bool ThreadCache::has_been_idle() {
  const bool extents_idle = extents_.has_been_idle();
  const bool slabs_idle = slabs_.has_been_idle();
  return extents_idle && slabs_idle;
}

uint64_t ThreadCache::slab_hits() const {
  uint64_t sum = 0;
  for (uint32_t doubling = 0; doubling < SpanCache::kDoublings; ++doubling) {
    sum += slabs_.hits(doubling);
  }
  return sum;
}

void ThreadCache::forget() {
  drop();
  extents_.forget_notes();
  slabs_.forget_notes();
  return_quota();
}

void ThreadCache::return_quota() {
  cache_quotas.give_back(quota_);
  quota_ = {};
}

}  // namespace hakmem
