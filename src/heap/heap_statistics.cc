// Owns: counting what is allocated, by a walk over all descriptors.
// Called by: the control API, mallinfo, statistics at exit.
// Never: a lock over the walk; a link followed that leads out of its slab, or while its memory may
// go.
#include <algorithm>

#include "heap/heap.h"
#include "heap/pages/page_heap.h"
#include "heap/threads/heap_registry.h"

namespace hakmem {
namespace {

// The length of a free list that its owner may be changing: wrong by as much as that, never lost.
uint32_t observed_free_blocks(const Span& slab, uintptr_t start) {
  const size_t bytes = Slices{slab.slices}.bytes();
  const Block* block = __atomic_load_n(&slab.free, __ATOMIC_RELAXED);
  uint32_t length = 0;
  while (length < slab.capacity) {
    const uintptr_t offset = reinterpret_cast<uintptr_t>(block) - start;
    if (offset >= bytes || offset % kMinimumBlock != 0 || block == slab.end) break;
    block = next_on_list(slab, block);
    ++length;
  }
  return length;
}

bool is_slab(const Span& span) {
  return span.kind.load(std::memory_order_acquire) == SpanKind::kSlab;
}

// Its owner may be changing the slab, or letting it go.
uint32_t live_blocks(const Span& slab, uintptr_t start) {
  const uint32_t carved = slab.carved.load(std::memory_order_relaxed);
  if (slab.state != SlabState::kCurrent) {
    return std::min(__atomic_load_n(&slab.outstanding, __ATOMIC_RELAXED), carved);
  }
  uint32_t free = carved;
  page_heap.while_nothing_is_freed([&] {
    if (is_slab(slab)) free = observed_free_blocks(slab, start);
  });
  return free < carved ? carved - free : 0;
}

}  // namespace

HeapStatistics heap_statistics() {
  HeapStatistics sum{};
  size_t cached_bytes = 0;
  PageMap& map = page_heap.map();
  const PageMap::Walk walk(map);
  for (uint32_t index = 0; index < map.regions(); ++index) {
    const Region& region = map.region(index);
    const auto slices = static_cast<uint32_t>(region.known_bytes() >> kSliceShift);
    for (uint32_t slice = 0; slice < slices; ++slice) {
      const Span& span = *region.span_at(slice);
      const size_t bytes = Slices{span.slices}.bytes();
      switch (span.kind.load(std::memory_order_acquire)) {
        case SpanKind::kSlab: {
          const uint32_t live = live_blocks(span, region.base + (size_t{slice} << kSliceShift));
          const uint32_t carved = span.carved.load(std::memory_order_relaxed);
          sum.allocated_bytes += size_t{live} * span.block_size;
          if (live > 0) sum.active_bytes += bytes;
          if (carved > live) sum.free_blocks += carved - live;
          if (carved < span.capacity) ++sum.free_blocks;
          break;
        }
        case SpanKind::kExtent:
          sum.allocated_bytes += bytes;
          sum.active_bytes += bytes;
          break;
        case SpanKind::kCached:
          cached_bytes += bytes;
          ++sum.free_blocks;
          break;
        case SpanKind::kFree:
        case SpanKind::kSlabInterior:
        case SpanKind::kExtentInterior:
          break;
      }
    }
  }
  const PageHeapStatistics pages = page_heap.statistics();
  sum.retained_bytes = pages.retained_bytes + cached_bytes;
  sum.lazily_freed_bytes = pages.lazily_freed_bytes;
  sum.mapped_bytes = pages.mapped_bytes;
  sum.metadata_bytes = pages.metadata_bytes + thread_heap_bytes() + batch_bytes();
  for (ThreadHeap* heap = first_registered_heap(); heap != nullptr; heap = heap->next_registered) {
    for (uint32_t doubling = 0; doubling < SpanCache::kDoublings; ++doubling) {
      sum.extent_cache_hits[doubling] += heap->cache.extent_hits(doubling);
    }
    sum.slab_cache_hits += heap->cache.slab_hits();
  }
  return sum;
}

}  // namespace hakmem
