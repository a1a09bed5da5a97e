// Owns: the terms of decisions about memory: its kinds, its sizes, what may become of it.
// Called by: the policy, the knobs and, through them, the heap.
// Never: a number that is measured, a function that decides.
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

enum class MemoryAction : uint8_t {
  kKeep,      // stays backed
  kLazyFree,  // MADV_FREE at once: the kernel may take it, reuse before that costs nothing
  kPurge,     // MADV_DONTNEED with the next batch
};

inline constexpr uint64_t kForever = UINT64_MAX;  // nanoseconds

struct MemoryDecision {
  MemoryAction action = MemoryAction::kKeep;
  // Nanoseconds after the free at which memory that nobody reused is to be purged: resident memory
  // falls only then. 0 for kPurge; kForever: never. For kKeep the rule's own answer: the page
  // heap's sweep, which comes by after one to two hold times, stands for it.
  uint64_t until_ns = kForever;
};

}  // namespace hakmem
