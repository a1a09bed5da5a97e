// Owns: the slow half of slabs.
// Called by: thread_heap.cc, free_path.cc.
// Never: memory beyond `capacity` blocks touched.
#include "heap/slabs/slab.h"

#include <algorithm>

#include "base/store_order.h"

namespace hakmem {
constinit Block kEndOfList = {nullptr, 0};

void initialize_slab(Span& slab, SizeClass size_class, uint32_t colour, void* start) {
  const size_t block_size = size_of_class(size_class);
  const auto alignment = static_cast<uint32_t>(natural_alignment(block_size));
  slab.outstanding = 0;
  slab.block_size = static_cast<uint32_t>(block_size);
  slab.reciprocal = (uint64_t{1} << kReciprocalBits) / block_size + 1;
  slab.first_block = (colour * static_cast<uint32_t>(kColourStep)) & ~(alignment - 1);
  slab.end = &kEndOfList;
  if (block_size <= kDirectLimit) {
    slab.first_block = std::max(slab.first_block, alignment);
    slab.end = static_cast<Block*>(start);
    slab.end->marker = 0;
  }
  slab.free = slab.end;
  slab.carved.store(0, std::memory_order_relaxed);
  slab.capacity =
      static_cast<uint32_t>((Slices{slab.slices}.bytes() - slab.first_block) / block_size);
  slab.state = SlabState::kCurrent;
  slab.size_class = static_cast<uint8_t>(size_class);
  for (uint32_t distance = 1; distance < slab.slices; ++distance) {
    Span& interior = (&slab)[distance];
    interior.slices = distance;
    interior.kind.store(SpanKind::kSlabInterior, std::memory_order_relaxed);
  }
}

void set_owner(Span& slab, uintptr_t thread) {
  const bool leaves_fast_path = slab.state == SlabState::kFull || slab.slices > 1;
  const uintptr_t tag = thread != 0 && leaves_fast_path ? 1 : 0;
  slab.owner.store(thread | tag, std::memory_order_release);
}

bool carve(Span& slab, void* start) {
  const uint32_t carved = slab.carved.load(std::memory_order_relaxed);
  if (!is_carvable(slab)) return false;
  char* at = static_cast<char*>(start) + slab.first_block + size_t{carved} * slab.block_size;
  // To the end of the page, so that the next one stays untouched.
  const size_t left = kCarveBytes - reinterpret_cast<uintptr_t>(at) % kCarveBytes;
  const auto wanted = static_cast<uint32_t>((left + slab.block_size - 1) / slab.block_size);
  const uint32_t blocks = std::min(wanted, slab.capacity - carved);
  Block* tail = slab.free;
  Block* first = reinterpret_cast<Block*>(at);
  for (uint32_t index = 0; index < blocks; ++index, at += slab.block_size) {
    auto* block = reinterpret_cast<Block*>(at);
    block->next = index + 1 < blocks ? reinterpret_cast<Block*>(at + slab.block_size) : tail;
    block->marker = mark_of(slab);
  }
  // A list that holds what counts as not carved would be carved twice.
  slab.carved.store(carved + blocks, std::memory_order_relaxed);
  keep_store_order();
  slab.free = first;
  return true;
}

void reset_empty_slab(Span& slab) {
  slab.free = slab.end;
  keep_store_order();
  slab.carved.store(0, std::memory_order_relaxed);
  slab.outstanding = 0;
}

void mend_slab(Span& slab, void* start) {
  uint32_t carved = slab.carved.load(std::memory_order_relaxed);
  uint32_t length = 0;
  Block** link = &slab.free;
  for (Block* block = slab.free; block != slab.end; block = next_on_list(slab, block)) {
    const size_t offset = reinterpret_cast<uintptr_t>(block) - reinterpret_cast<uintptr_t>(start);
    if (place_in_slab(slab, offset) == SlabPlace::kNoBlock || length == slab.capacity) {
      *link = slab.end;
      break;
    }
    const size_t index = (offset - slab.first_block) * slab.reciprocal >> kReciprocalBits;
    carved = std::max(carved, static_cast<uint32_t>(index + 1));
    if (block->marker != mark_of(slab)) block->marker = mark_of(slab);
    ++length;
    link = &block->next;
  }
  slab.carved.store(carved, std::memory_order_relaxed);
  slab.outstanding = carved - length;
}

bool is_on_free_list(const Span& slab, const Block* block, const void* start) {
  const size_t bytes = Slices{slab.slices}.bytes();
  const Block* at = __atomic_load_n(&slab.free, __ATOMIC_ACQUIRE);
  for (uint32_t step = 0; step <= slab.capacity; ++step) {
    if (at == block) return true;
    const uintptr_t offset = reinterpret_cast<uintptr_t>(at) - reinterpret_cast<uintptr_t>(start);
    if (offset >= bytes || offset % kMinimumBlock != 0) return false;
    const Block* next = next_on_list(slab, at);
    if (__atomic_load_n(&at->marker, __ATOMIC_ACQUIRE) != mark_of(slab)) return false;
    at = next;
  }
  return false;
}

}  // namespace hakmem
