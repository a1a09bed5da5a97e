// Owns: the size classes of slab blocks: 16 to 65,536 bytes, at most 12.5 % apart above 128,
// 6.25 % above 1,024.
// Called by: thread heaps and slabs; the fast path through kDirectLimit only.
// Never: run-time state.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bits.h"
#include "base/units.h"

namespace hakmem {

using SizeClass = uint32_t;

inline constexpr size_t kMinimumBlock = 16;
// Up to here a table indexed by (size + 15) / 16 leads straight to the slab.
inline constexpr size_t kDirectLimit = 1024;
inline constexpr size_t kDirectEntries = kDirectLimit / kMinimumBlock + 1;
// Blocks up to here live in slabs of one slice, above it in slabs of several.
inline constexpr size_t kSmallLimit = 8 * 1024;
// Larger allocations are extents.
inline constexpr size_t kSlabLimit = kSliceSize;

// 16, 32 .. 128, then eight classes in each doubling, above kDirectLimit sixteen.
inline constexpr SizeClass kClassesBelow128 = 8;
inline constexpr SizeClass kDirectClasses = kClassesBelow128 + 3 * 8;
inline constexpr SizeClass kSizeClasses = kDirectClasses + 6 * 16;

// `size` is 1 to kSlabLimit.
constexpr SizeClass size_class_of(size_t size) {
  if (size <= 128) return static_cast<SizeClass>((size + 15) / 16 - 1);
  const uint32_t doubling = floor_log2(size - 1);  // size in (2^doubling, 2^(doubling+1)]
  const auto sixteenth = static_cast<SizeClass>((size - 1) >> (doubling - 4)) & 15;
  if (size <= kDirectLimit) return kClassesBelow128 + (doubling - 7) * 8 + sixteenth / 2;
  return kDirectClasses + (doubling - 10) * 16 + sixteenth;
}

constexpr size_t size_of_class(SizeClass size_class) {
  if (size_class < kClassesBelow128) return (size_class + 1) * size_t{16};
  if (size_class < kDirectClasses) {
    const SizeClass above = size_class - kClassesBelow128;
    return (size_t{8} + above % 8 + 1) << (above / 8 + 4);
  }
  const SizeClass above = size_class - kDirectClasses;
  return (size_t{16} + above % 16 + 1) << (above / 16 + 6);
}

static_assert(size_of_class(kSizeClasses - 1) == kSlabLimit);
static_assert(size_class_of(kSlabLimit) == kSizeClasses - 1);
static_assert(size_of_class(size_class_of(129)) == 144 && size_class_of(144) == size_class_of(129));
static_assert(size_of_class(kDirectClasses - 1) == kDirectLimit);
static_assert(size_of_class(kDirectClasses) == kDirectLimit + kDirectLimit / 16);

// A slab of every class that a thread uses may be nearly empty: they grow with their blocks, of
// which at least seven fit.
constexpr Slices slices_of_slab(size_t block_size) {
  if (block_size <= kSmallLimit) return {1};
  if (block_size <= 2 * kSmallLimit) return {2};
  if (block_size <= 4 * kSmallLimit) return {4};
  return {8};
}

// What every block of a class is aligned to, wherever it lies in its slab. Blocks above a few pages
// are mostly touched at their starts and page by page: they give up alignment for a colour.
inline constexpr size_t kColourStep = 64;
// The lines of a page: blocks that are written page by page take one of as many sets of the cache.
inline constexpr uint32_t kColours = 64;
// Slabs are as short as a slice.
inline constexpr uint32_t kColoursOfSlabs = 16;
constexpr size_t natural_alignment(size_t block_size) {
  const size_t lowest_bit = block_size & (~block_size + 1);
  return block_size <= kSmallLimit || lowest_bit < kColourStep ? lowest_bit : kColourStep;
}

// The largest alignment that slabs serve.
inline constexpr size_t kSlabAlignmentLimit = kSmallLimit;

}  // namespace hakmem
