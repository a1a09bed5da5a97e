// Owns: the numbers that decisions leave for the heap, one table.
// Called by: written by the frontend; read by heap slow paths and call_sites.cc.
// Never: read on a fast path; never a number that nothing reads.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>

#include "policy/retention/memory_terms.h"

namespace hakmem {

struct Knobs {
  // Freed memory that stays backed for reuse, process-wide, in bytes; above it the heap purges.
  std::atomic<size_t> retained_limit{size_t{256} << 20};
  // Milliseconds that freed memory stays backed without being needed again, by what it is made of
  // and SizeBand; 0: for ever.
  using HoldByBand = std::array<std::atomic<size_t>, kSizeBands>;
  std::array<HoldByBand, kMemoryKinds> hold{HoldByBand{250, 250, 250, 250, 250},
                                            HoldByBand{250, 250, 250, 250, 250}};
  // Freed extents that one thread keeps for itself, in bytes; 0 turns that level off.
  std::atomic<size_t> thread_cache_limit{size_t{8} << 20};
  // Slabs of one thread, in bytes, from which on its new ones lie on huge pages: growth is expected
  // to fill them, and a first touch of 2 MiB may cost milliseconds. SIZE_MAX: never.
  std::atomic<size_t> huge_slabs_from{size_t{32} << 20};
  // Memory in use within the last hold time, in bytes, from which on new extents lie on huge pages.
  // SIZE_MAX: never.
  std::atomic<size_t> huge_extents_from{size_t{64} << 20};
  // Slabs of one size class of a thread, in bytes, from which on its new ones on small pages are
  // backed at once: growth is expected to fill them. SIZE_MAX: never.
  std::atomic<size_t> populate_slabs_from{size_t{256} << 10};
  // Whether memory is so near a limit that slabs are filled where they are fullest, at the price of
  // a slow path every few blocks: what is sparse empties and goes back. 0: where most is free.
  std::atomic<size_t> pack_slabs{0};
  // Ranges that go to the kernel in one purge; 1 turns batching off.
  std::atomic<size_t> purge_batch{64};
};

extern constinit Knobs knobs;

inline size_t read_knob(const std::atomic<size_t>& knob) {
  return knob.load(std::memory_order_relaxed);
}

// Milliseconds; 0: for ever. The page heap holds by the huge page: of what lies in smaller pieces
// the rest of it is in use.
inline size_t read_hold(MemoryKind kind, SizeBand band = SizeBand::k2MiB) {
  return read_knob(knobs.hold[static_cast<size_t>(kind)][static_cast<size_t>(band)]);
}

}  // namespace hakmem
