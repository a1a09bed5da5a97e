// Owns: the dispatch by size between slabs and extents.
// Called by: see heap.h.
// Never: a block moved that could stay.
#include "heap/heap.h"

#include <string.h>

#include <algorithm>

#include "heap/blocks/arena.h"
#include "heap/blocks/extent.h"
#include "heap/blocks/fast_path.h"
#include "heap/blocks/free_path.h"
#include "heap/pages/page_heap.h"
#include "heap/threads/heap_registry.h"

namespace hakmem {
namespace {

void* allocate_from_class(ThreadHeap* heap, SizeClass size_class) {
  Span* slab = heap->current[size_class];
  void* block = size_class < kDirectClasses ? pop_block(slab) : pop_large_block(slab);
  return HAKMEM_LIKELY(block != nullptr) ? block : heap->allocate_slow(size_class);
}

void* start_of(const Span* extent) {
  if (extent == nullptr) return nullptr;
  return static_cast<char*>(page_heap.map().start_of(extent)) + extent->first_block;
}

// The smallest class of at least `size` whose blocks are all aligned to `alignment`; kSizeClasses
// when there is none.
SizeClass aligned_class(size_t alignment, size_t size) {
  SizeClass size_class = size_class_of(std::max(size, alignment));
  while (size_class < kSizeClasses && natural_alignment(size_of_class(size_class)) < alignment) {
    ++size_class;
  }
  return size_class;
}

}  // namespace

void* heap_allocate(ThreadHeap* heap, size_t size, const void* caller) {
  if (size <= kSlabLimit)
    return allocate_from_class(heap, size_class_of(std::max(size, size_t{1})));
  return start_of(allocate_extent(heap, size, 1, caller));
}

void* heap_allocate_zeroed(ThreadHeap* heap, size_t size, const void* caller) {
  if (size <= kSlabLimit) {
    void* block = heap_allocate(heap, size);
    return block != nullptr ? memset(block, 0, size) : nullptr;
  }
  Span* extent = allocate_extent(heap, size, 1, caller);
  void* start = start_of(extent);
  if (extent != nullptr && !extent->zeroed) memset(start, 0, size);
  return start;
}

void* heap_allocate_aligned(ThreadHeap* heap, size_t alignment, size_t size, const void* caller) {
  if (alignment <= kMinimumBlock) return heap_allocate(heap, size, caller);
  if (size <= kSlabLimit && alignment <= kSlabAlignmentLimit) {
    const SizeClass size_class = aligned_class(alignment, std::max(size, size_t{1}));
    if (size_class < kSizeClasses) return allocate_from_class(heap, size_class);
  }
  return start_of(allocate_extent(heap, size, alignment, caller));
}

bool heap_free(void* address, const char* function) {
  return try_free_local(address) || free_slow(address, function);
}

size_t heap_usable_size(void* address, const char* function) {
  return find_live_block(address, function).bytes;
}

bool heap_resize(void* address, size_t size, const char* function) {
  const LiveBlock block = find_live_block(address, function);
  const bool is_extent = block.span->kind.load(std::memory_order_relaxed) == SpanKind::kExtent;
  return is_extent && size > kSlabLimit && resize_extent(block.span, size);
}

void* heap_reallocate(ThreadHeap* heap, void* address, size_t size, const char* function,
                      const void* caller) {
  const LiveBlock block = find_live_block(address, function);
  const bool is_extent = block.span->kind.load(std::memory_order_relaxed) == SpanKind::kExtent;
  if (is_extent) {
    if (size > kSlabLimit && resize_extent(block.span, size)) return address;
  } else if (fits_in_place(block.bytes, size)) {
    return address;
  }
  void* moved = heap_allocate(heap, size, caller);
  // Who shrinks a block because memory is short keeps it.
  if (moved == nullptr) return size <= block.bytes ? address : nullptr;
  memcpy(moved, address, std::min(block.bytes, size));
  heap_free(address, function);
  return moved;
}

size_t heap_trim(size_t keep) {
  ThreadHeap* mine = thread_heap();
  if (mine != &kNoHeap) mine->settle_remote_frees();
  drop_all_caches();
  return page_heap.purge_down_to({static_cast<uint32_t>(keep >> kSliceShift)});
}

void heap_give_back() {
  drop_all_caches();
  page_heap.purge_down_to({0});
}

uint64_t heap_maintain() {
  const uint64_t until_caches_are_idle = drop_idle_caches();
  const uint64_t until_next_step = page_heap.maintain();
  return until_next_step != 0 ? until_next_step : until_caches_are_idle;
}

}  // namespace hakmem
