// Owns: telling live blocks from misuse, and frees that need more than a push.
// Called by: see free_path.h.
// Never: a write into a block before it is known to be live.
#include "heap/blocks/free_path.h"

#include "base/log.h"
#include "base/thread_id.h"
#include "heap/blocks/extent.h"
#include "heap/pages/page_heap.h"
#include "heap/slabs/slab.h"
#include "heap/threads/remote_free.h"
#include "heap/threads/thread_heap.h"

namespace hakmem {
namespace {

[[noreturn]] void report_double_free(const char* function, void* address) {
  fatal(function, "block was freed before (double free or use after free):",
        reinterpret_cast<uintptr_t>(address));
}

[[noreturn]] void report_invalid(const char* function, void* address) {
  fatal(function,
        "invalid pointer, not the start of a block:", reinterpret_cast<uintptr_t>(address));
}

void check_free_is_first(const Span& slab, Block* block, const char* function) {
  const uintptr_t marker = __atomic_load_n(&block->marker, __ATOMIC_RELAXED);
  if (marker == travelling(slab)) report_double_free(function, block);
  if (HAKMEM_LIKELY(marker != mark_of(slab))) return;
  // The marker may also be stale memory that the program copied: the free list decides.
  if (is_on_free_list(slab, block, page_heap.map().start_of(&slab))) {
    report_double_free(function, block);
  }
}

void check_slab_block(Span& slab, size_t offset, void* address, const char* function) {
  switch (place_in_slab(slab, offset)) {
    case SlabPlace::kNoBlock:
      report_invalid(function, address);
    case SlabPlace::kNeverHandedOut:
      report_double_free(function, address);
    case SlabPlace::kBlock:
      check_free_is_first(slab, static_cast<Block*>(address), function);
  }
}

// The slab or extent whose live block starts at `address`.
Span* checked_span(void* address, const char* function) {
  Span* span = page_heap.map().find(address);
  if (HAKMEM_UNLIKELY(span == nullptr)) return nullptr;
  const size_t in_slice = reinterpret_cast<uintptr_t>(address) % kSliceSize;
  switch (span->kind.load(std::memory_order_relaxed)) {
    case SpanKind::kSlab:
      check_slab_block(*span, in_slice, address, function);
      return span;
    case SpanKind::kSlabInterior: {
      const Slices back{span->slices};
      span -= back.count;
      check_slab_block(*span, back.bytes() + in_slice, address, function);
      return span;
    }
    case SpanKind::kExtent:
      if (in_slice != span->first_block) report_invalid(function, address);
      return span;
    case SpanKind::kCached:
      if (in_slice != span->first_block) report_invalid(function, address);
      report_double_free(function, address);
    case SpanKind::kExtentInterior:
    case SpanKind::kFree:
      report_invalid(function, address);
  }
  __builtin_unreachable();
}

}  // namespace

bool free_slow(void* address, const char* function) {
  Span* span = checked_span(address, function);
  if (span == nullptr) return false;
  if (span->kind.load(std::memory_order_relaxed) == SpanKind::kExtent) {
    free_extent(span);
    return true;
  }
  auto* block = static_cast<Block*>(address);
  const uintptr_t owner = span->owner.load(std::memory_order_relaxed) & ~uintptr_t{1};
  if (owner == this_thread()) {
    span->heap->push_and_settle(*span, block);
  } else {
    free_remotely(*span, block);
  }
  return true;
}

Span& slab_of_arrived(Block* block) {
  Span* span = page_heap.map().find(block);
  if (span->kind.load(std::memory_order_relaxed) == SpanKind::kSlabInterior) span -= span->slices;
  // The owner freed it as well while it was under way, or two threads sent it.
  if (block->marker != travelling(*span)) report_double_free("free", block);
  return *span;
}

Span& checked_slab_of_arrived(Block* block, const ThreadHeap& owner) {
  size_t offset = reinterpret_cast<uintptr_t>(block) % kSliceSize;
  Span* span = page_heap.map().find(block);
  if (span == nullptr) report_invalid("free", block);
  if (span->kind.load(std::memory_order_relaxed) == SpanKind::kSlabInterior) {
    offset += Slices{span->slices}.bytes();
    span -= span->slices;
  }
  const bool is_block = span->kind.load(std::memory_order_relaxed) == SpanKind::kSlab &&
                        span->heap == &owner && place_in_slab(*span, offset) == SlabPlace::kBlock;
  if (!is_block) report_double_free("free", block);
  return slab_of_arrived(block);
}

LiveBlock find_live_block(void* address, const char* function) {
  Span* span = checked_span(address, function);
  if (span == nullptr) return {nullptr, 0};
  if (span->kind.load(std::memory_order_relaxed) == SpanKind::kExtent) {
    return {span, usable_bytes(*span)};
  }
  return {span, span->block_size};
}

}  // namespace hakmem
