// Owns: the division of a slab's offset into blocks, and the marks of later slices.
// Called by: see enclosing_block.h.
// Never: a block's memory touched.
#include "heap/blocks/enclosing_block.h"

#include "heap/blocks/extent.h"
#include "heap/pages/page_heap.h"

namespace hakmem {
namespace {

EnclosingBlock block_of_slab(Span& slab, const void* address) {
  auto* start = static_cast<char*>(page_heap.map().start_of(&slab));
  const auto offset = static_cast<size_t>(static_cast<const char*>(address) - start);
  if (offset < slab.first_block) return {&slab, nullptr, 0};
  const uint64_t index = (offset - slab.first_block) * slab.reciprocal >> kReciprocalBits;
  if (index >= slab.carved.load(std::memory_order_relaxed)) return {&slab, nullptr, 0};
  return {&slab, start + slab.first_block + index * slab.block_size, slab.block_size};
}

EnclosingBlock block_of_extent(Span& extent) {
  auto* start = static_cast<char*>(page_heap.map().start_of(&extent));
  return {&extent, start + extent.first_block, usable_bytes(extent)};
}

}  // namespace

EnclosingBlock enclosing_block(const void* address) {
  Span* span = page_heap.map().find(address);
  if (span == nullptr) return {nullptr, nullptr, 0};
  switch (span->kind.load(std::memory_order_relaxed)) {
    case SpanKind::kSlabInterior:
      span -= span->slices;
      return block_of_slab(*span, address);
    case SpanKind::kSlab:
      return block_of_slab(*span, address);
    case SpanKind::kExtentInterior:
      span -= span->slices;
      return block_of_extent(*span);
    case SpanKind::kExtent:
      return block_of_extent(*span);
    case SpanKind::kCached:
    case SpanKind::kFree:
      return {nullptr, nullptr, 0};
  }
  __builtin_unreachable();
}

void mark_interior(Span& extent) {
  for (uint32_t distance = 1; distance < extent.slices; ++distance) {
    Span& interior = (&extent)[distance];
    interior.slices = distance;
    interior.kind.store(SpanKind::kExtentInterior, std::memory_order_relaxed);
  }
}

void unmark_interior(Span& extent) {
  for (uint32_t distance = 1; distance < extent.slices; ++distance) {
    (&extent)[distance].kind.store(SpanKind::kFree, std::memory_order_relaxed);
  }
}

}  // namespace hakmem
