// Owns: the table of arenas.
// Called by: see arena_handle.h.
// Never: a lock; a place given back, for its heap is not either.
#include "heap/blocks/arena_handle.h"

#include <array>

#include "base/units.h"
#include "heap/pages/page_heap.h"

namespace hakmem {
namespace {

constexpr uint32_t kPlaceBits = 21;
constexpr uint32_t kPlaces = 1 << kPlaceBits;
constexpr uint32_t kPlacesOfPart = kSliceSize / sizeof(std::atomic<ThreadHeap*>);

using Part = std::array<std::atomic<ThreadHeap*>, kPlacesOfPart>;

constinit std::array<std::atomic<Part*>, kPlaces / kPlacesOfPart> parts{};
constinit std::atomic<uint32_t> places_taken{0};
constinit std::atomic<uint64_t> handles_given{0};

Part* part_for(uint32_t place) {
  std::atomic<Part*>& entry = parts[place / kPlacesOfPart];
  Part* part = entry.load(std::memory_order_acquire);
  if (part != nullptr) return part;
  const Backend& backend = page_heap.backend();
  void* fresh = backend.map(sizeof(Part), backend.page_size());
  if (fresh == nullptr) return nullptr;
  // Zeroed memory is an empty part.
  if (entry.compare_exchange_strong(part, static_cast<Part*>(fresh), std::memory_order_acq_rel)) {
    return static_cast<Part*>(fresh);
  }
  backend.unmap(fresh, sizeof(Part));
  return part;
}

// A heap keeps its place for the arenas that it will be.
bool ensure_place(ThreadHeap& arena) {
  if (arena.place_of_arena != 0) return true;
  // Place 0 is nobody's; one for which there is no memory is lost.
  const uint32_t place = places_taken.fetch_add(1, std::memory_order_relaxed) + 1;
  Part* part = place < kPlaces ? part_for(place) : nullptr;
  if (part == nullptr) return false;
  (*part)[place % kPlacesOfPart].store(&arena, std::memory_order_release);
  arena.place_of_arena = place;
  return true;
}

}  // namespace

ArenaHandle give_handle(ThreadHeap& arena) {
  if (!ensure_place(arena)) return {};
  // An odd step, so that a handle that is gone comes back after 2^42 others; the highest bit is
  // that of no pointer and no small number.
  constexpr uint64_t kStep = 0x9e3779b97f4a7c15;
  const uint64_t number = (handles_given.fetch_add(1, std::memory_order_relaxed) + 1) * kStep;
  constexpr uint64_t kLive = uint64_t{1} << 63;
  const uintptr_t value = (number << kPlaceBits | kLive) | arena.place_of_arena;
  arena.handle.store(value, std::memory_order_release);
  return {value};
}

bool withdraw_handle(ThreadHeap& arena, ArenaHandle handle) {
  return arena.handle.compare_exchange_strong(handle.value, 0, std::memory_order_acq_rel);
}

ThreadHeap* arena_of(ArenaHandle handle) {
  const uint32_t place = handle.value % kPlaces;
  const Part* part = parts[place / kPlacesOfPart].load(std::memory_order_acquire);
  if (part == nullptr) return nullptr;
  ThreadHeap* arena = (*part)[place % kPlacesOfPart].load(std::memory_order_acquire);
  if (arena == nullptr || arena->handle.load(std::memory_order_relaxed) != handle.value) {
    return nullptr;
  }
  return arena;
}

}  // namespace hakmem
