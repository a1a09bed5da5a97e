// Owns: the verdicts.
// Called by: see examination.h.
// Never: a record believed whose seal does not vouch for it.
#include "frontend/checks/examination.h"

#include "heap/blocks/enclosing_block.h"
#include "heap/pages/page_heap.h"

namespace hakmem {
namespace {

constexpr const char* kNotAStart = "invalid pointer, not the start of a block";
constexpr const char* kFreedBefore = "block was freed before (double free or use after free)";
constexpr const char* kOverwrittenBefore = "bytes before the block were overwritten";

// What the heap writes into a free block.
bool is_marked_free(const CheckedBlock& block, const Span& span) {
  return reinterpret_cast<const Block*>(&block)->marker == mark_of(span);
}

const char* what_is_damaged(const CheckedBlock& block) {
  switch (damage_of(block, page_heap.backend().page_size())) {
    case Damage::kNone:
      return nullptr;
    case Damage::kBefore:
      return kOverwrittenBefore;
    case Damage::kBehind:
      return "bytes behind the block were overwritten";
  }
  __builtin_unreachable();
}

const char* what_is_wrong(const CheckedBlock& block, const Span& span, const void* address) {
  const bool is_start = address == block.bytes();
  switch (state_of(block)) {
    case BlockState::kLive:
      return is_start ? what_is_damaged(block) : kNotAStart;
    case BlockState::kFreed:
      return is_start ? kFreedBefore : kNotAStart;
    case BlockState::kGone:
    case BlockState::kNeither:
      break;
  }
  if (is_marked_free(block, span)) {
    return address == bytes_of_gone(block)
               ? "block was freed long ago (double free or use after free)"
               : kNotAStart;
  }
  if (!is_witnessed(block)) return "the record before the block was overwritten";
  if (!is_start) return kNotAStart;
  return block.freed_at == nullptr ? kOverwrittenBefore : kFreedBefore;
}

bool is_legible(const CheckedBlock& block, const Span& span) {
  if (state_of(block) != BlockState::kNeither) return true;
  return is_marked_free(block, span) ? bytes_of_gone(block) != nullptr : is_witnessed(block);
}

Finding look_at(CheckedBlock& block, const Span& span, const void* address) {
  return {.block = &block,
          .wrong = what_is_wrong(block, span, address),
          .legible = is_legible(block, span),
          .suspect = suspect_of(block)};
}

// A live block whose seal was written over; of a freed one the queue tells.
bool has_lost_seal(const CheckedBlock& block, const Span& span) {
  return !is_marked_free(block, span) && block.freed_at == nullptr && is_witnessed(block);
}

// Live blocks are whole while the checks' lock is held: frees take it first, and a new block is
// sealed when its canaries are written.
Finding find_damage_in(const ThreadHeap* heap, const Span& span) {
  const SpanKind kind = span.kind.load(std::memory_order_relaxed);
  const bool is_extent = kind == SpanKind::kExtent;
  if ((!is_extent && kind != SpanKind::kSlab) || span.heap != heap) return {};
  char* start = static_cast<char*>(page_heap.map().start_of(&span)) + span.first_block;
  const uint32_t blocks = is_extent ? 1 : span.carved.load(std::memory_order_relaxed);
  for (uint32_t index = 0; index < blocks; ++index) {
    auto& block = *reinterpret_cast<CheckedBlock*>(start + size_t{index} * span.block_size);
    if (state_of(block) != BlockState::kLive && !has_lost_seal(block, span)) continue;
    const Finding finding = look_at(block, span, block.bytes());
    if (finding.wrong != nullptr) return finding;
  }
  return {};
}

}  // namespace

Finding examine(const ThreadHeap* heap, const void* address) {
  const EnclosingBlock around = enclosing_block(address);
  if (heap == nullptr || around.span == nullptr || around.span->heap != heap) return {};
  if (around.start == nullptr) return {nullptr, kNotAStart, false, {}};
  return look_at(*static_cast<CheckedBlock*>(around.start), *around.span, address);
}

Finding find_damage(const ThreadHeap* heap) {
  PageMap& map = page_heap.map();
  const PageMap::Walk walk(map);
  for (uint32_t index = 0; heap != nullptr && index < map.regions(); ++index) {
    const Region& region = map.region(index);
    const size_t slices = region.known_bytes() >> kSliceShift;
    for (uint32_t slice = 0; slice < slices; ++slice) {
      const Finding finding = find_damage_in(heap, *region.span_at(slice));
      if (finding.wrong != nullptr) return finding;
    }
  }
  return {};
}

}  // namespace hakmem
