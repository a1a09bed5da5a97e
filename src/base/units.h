// Owns: the units that memory is counted in, as types, and the layout constants that relate them.
// Called by: every layer.
// Never: a bare size_t that could be bytes or slices; convert by name.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace hakmem {

inline constexpr size_t kSliceShift = 16;
inline constexpr size_t kSliceSize = size_t{1} << kSliceShift;
inline constexpr size_t kHugePageShift = 21;
inline constexpr size_t kHugePageSize = size_t{1} << kHugePageShift;
inline constexpr uint32_t kSlicesPerHugePage = kHugePageSize / kSliceSize;

// Alignment of static arrays of many pages. The linker sorts variables by it (src/CMakeLists.txt),
// so that those arrays do not lie between the few that every process touches: each page of these
// costs a fault at start-up, and a copy after a fork.
inline constexpr size_t kApart = 4096;

inline constexpr uint64_t kMillisecond = 1'000'000;  // nanoseconds

// A number of 64 KiB slices.
struct Slices {
  uint32_t count = 0;

  constexpr size_t bytes() const { return size_t{count} << kSliceShift; }
  // `bytes` is below 2^48.
  static constexpr Slices covering(size_t bytes) {
    return {static_cast<uint32_t>((bytes + kSliceSize - 1) >> kSliceShift)};
  }
  friend constexpr auto operator<=>(Slices, Slices) = default;
  friend constexpr Slices operator+(Slices a, Slices b) { return {a.count + b.count}; }
  friend constexpr Slices operator-(Slices a, Slices b) { return {a.count - b.count}; }
};

// A number of 2 MiB huge pages.
struct HugePages {
  uint32_t count = 0;

  constexpr size_t bytes() const { return size_t{count} << kHugePageShift; }
  constexpr Slices slices() const { return {count * kSlicesPerHugePage}; }
  static constexpr HugePages covering(Slices slices) {
    return {(slices.count + kSlicesPerHugePage - 1) / kSlicesPerHugePage};
  }
  friend constexpr auto operator<=>(HugePages, HugePages) = default;
};

}  // namespace hakmem
