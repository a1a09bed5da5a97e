// Owns: the kinds and sizes of memory that costs and hold times are told apart by.
// Called by: the policy, the knobs and, through them, the heap.
// Never: a number that is measured.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace hakmem {

// What the kernel backs memory with; the costs of the two differ tenfold.
enum class MemoryKind : uint8_t {
  kSmallPages,
  kHugePage,  // whole transparent huge pages
};
inline constexpr size_t kMemoryKinds = 2;

// Sizes that share a hold time: what fits into the band and not into the one before.
enum class SizeBand : uint8_t { k64KiB, k256KiB, k2MiB, k16MiB, kLarger };
inline constexpr size_t kSizeBands = 5;
// The size that a band stands for, in bytes. In kLarger the cost of the call has vanished.
inline constexpr std::array<size_t, kSizeBands> kBandSizes{
    size_t{64} << 10, size_t{256} << 10, size_t{2} << 20, size_t{16} << 20, size_t{128} << 20};

constexpr SizeBand band_of(size_t bytes) {
  size_t band = 0;
  while (band + 1 < kSizeBands && bytes > kBandSizes[band]) ++band;
  return static_cast<SizeBand>(band);
}

}  // namespace hakmem
