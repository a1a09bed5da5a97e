// Owns: the life of an extent between its thread's cache and the page heap.
// Called by: see extent.h.
// Never: an extent in a cache and in the page heap at once.
#include "heap/blocks/extent.h"

#include <algorithm>
#include <atomic>

#include "heap/blocks/arena.h"
#include "heap/blocks/call_site.h"
#include "heap/pages/page_heap.h"
#include "heap/threads/heap_registry.h"
#include "policy/knobs.h"
#include "telemetry/counters.h"

namespace hakmem {

namespace {

constexpr size_t kColourRange = kColours * kColourStep;

struct Fit {
  Slices length;
  bool coloured;
};

// The lengths, one bit each, that are worth one slice more for the colour's sake: where a huge page
// then still holds three of four. A table, for divisions would take longer than all the rest here.
constexpr uint32_t lengths_worth_a_slice_more() {
  uint32_t lengths = 0;
  for (uint32_t plain = 1; plain + 1 < kSlicesPerHugePage; ++plain) {
    const uint32_t fit_plain = kSlicesPerHugePage / plain;
    const uint32_t fit_coloured = kSlicesPerHugePage / (plain + 1);
    if (fit_coloured * 4 >= fit_plain * 3) lengths |= uint32_t{1} << plain;
  }
  return lengths;
}

// Programs touch large blocks at their starts and page by page: were all aligned to pages, blocks
// of several sizes would share a few sets of the caches. Up to a huge page their starts are shifted
// by a rotating number of cache lines.
Fit fit_of(size_t bytes, size_t alignment) {
  const Slices plain = Slices::covering(std::max(bytes, size_t{1}));
  const Slices coloured = Slices::covering(bytes + kColourRange);
  if (alignment > kColourStep || coloured.count >= kSlicesPerHugePage) return {plain, false};
  const bool pays = coloured == plain || lengths_worth_a_slice_more() >> plain.count & 1;
  return pays ? Fit{coloured, true} : Fit{plain, false};
}

// A small process pays for what it touches, not for huge pages.
Backing backing_of_extents() {
  const bool large = page_heap.demand().peak().bytes() >= read_knob(knobs.huge_extents_from);
  return large ? Backing::kHugePage : Backing::kSmallPages;
}

}  // namespace

Span* allocate_extent(ThreadHeap* heap, size_t bytes, size_t alignment, const void* caller) {
  if (bytes > kLargestExtent || alignment > kLargestAlignment) return nullptr;
  const Fit fit = fit_of(bytes, alignment);
  const Slices aligned = Slices::covering(alignment);
  // What a thread freed it kept, whether it was an arena's or its own.
  ThreadHeap* cache = heap->is_arena() ? thread_heap() : heap;
  const uint32_t site = site_of(caller, cache->stack_distance(), fit.length);
  Span* extent = aligned.count <= 1 ? cache->cache.take_extent(fit.length) : nullptr;
  if (extent != nullptr) {
    extent->zeroed = false;
    if (!fit.coloured) extent->first_block = 0;
  } else {
    // What other threads freed may be the memory that is wanted.
    if (cache != &kNoHeap) cache->settle_remote_frees();
    // That what a thread's cache serves came back at once is known.
    page_heap.note_wanted(site);
    extent = allocate_span(fit.length, aligned, backing_of_extents());
    const bool coloured = fit.coloured && extent != nullptr;
    // Where memory is short, a colour is not worth a slice.
    if (extent == nullptr && fit.coloured) {
      extent = allocate_span(Slices::covering(bytes), aligned, Backing::kSmallPages);
    }
    if (extent == nullptr) return nullptr;
    extent->first_block = coloured ? heap->colour_for(*extent, kColours) * kColourStep : 0;
    count(counters.extents_allocated);
  }
  extent->site = site;
  extent->heap = nullptr;
  extent->kind.store(SpanKind::kExtent, std::memory_order_release);
  if (heap->is_arena()) enlist_arena_extent(*heap, *extent);
  return extent;
}

size_t usable_bytes(const Span& extent) {
  return Slices{extent.slices}.bytes() - extent.first_block;
}

void free_extent(Span* extent) {
  if (extent->heap != nullptr) strike_arena_extent(*extent);
  ThreadHeap* heap = thread_heap();
  if (heap == &kNoHeap) {
    page_heap.free(extent, extent->site);
  } else {
    heap->cache.keep_extent(*extent);
  }
}

bool resize_extent(Span* extent, size_t bytes) {
  if (bytes > kLargestExtent) return false;
  const Slices length = Slices::covering(bytes + extent->first_block);
  if (length.count < extent->slices) {
    page_heap.shrink(extent, length);
  } else if (length.count > extent->slices) {
    return page_heap.extend(extent, length);
  }
  return true;
}

void drop_all_caches() {
  for (ThreadHeap* heap = first_registered_heap(); heap != nullptr; heap = heap->next_registered) {
    heap->cache.drop();
  }
}

uint64_t drop_idle_caches() {
  static constinit std::atomic<uint64_t> last_look{0};
  const uint64_t hold = read_hold(MemoryKind::kSmallPages, SizeBand::k256KiB) * kMillisecond;
  if (hold == 0) return 0;
  const uint64_t now = page_heap.backend().coarse_time();
  const bool time_to_look = now - last_look.load(std::memory_order_relaxed) >= hold;
  if (time_to_look) last_look.store(now, std::memory_order_relaxed);
  bool held = false;
  for (ThreadHeap* heap = first_registered_heap(); heap != nullptr; heap = heap->next_registered) {
    if (time_to_look && heap->cache.has_been_idle()) heap->cache.drop();
    held = held || heap->cache.held() != Slices{0};
  }
  return held ? hold : 0;
}

Span* allocate_span(Slices length, Slices alignment, Backing backing) {
  if (Span* span = page_heap.allocate(length, alignment, backing)) return span;
  drop_all_caches();
  Span* span = page_heap.allocate(length, alignment, backing);
  if (span == nullptr) count(counters.exhaustions);
  return span;
}

}  // namespace hakmem
