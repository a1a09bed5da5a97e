// Owns: the hash that stands for a place in the program that asks for large blocks.
// Called by: extent.cc.
// Never: on the path of small blocks.
#pragma once

#include <cstdint>

#include "base/bits.h"
#include "base/units.h"

namespace hakmem {

inline constexpr uint32_t kUnknownSite = 0;

// `caller`: a return address; alone it tells little, for most programs allocate through a few
// functions of their own (operator new, zmalloc): the depth of the stack tells who called those.
// kUnknownSite where it is null, and for one site in 2^32.
inline uint32_t site_of(const void* caller, uintptr_t stack_depth, Slices length) {
  if (caller == nullptr) return kUnknownSite;
  constexpr uint64_t kGoldenRatio = 0x9E3779B97F4A7C15;  // 2^64 over it: multiplying mixes upwards
  const uint64_t place = reinterpret_cast<uintptr_t>(caller) * kGoldenRatio + stack_depth;
  const uint64_t doubling = floor_log2(length.count);
  return static_cast<uint32_t>(((place ^ doubling << 58) * kGoldenRatio) >> 32);
}

}  // namespace hakmem
