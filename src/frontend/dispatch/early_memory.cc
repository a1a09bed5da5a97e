// Owns: a static bump area; each block has its size in the 16 bytes before it.
// Called by: see early_memory.h.
// Never: used once the constructor has run; only one thread exists before.
#include "frontend/dispatch/early_memory.h"

#include <cstdint>

#include "base/bits.h"
#include "base/units.h"

namespace hakmem {
namespace {

constexpr size_t kBytes = 256 << 10;
constexpr size_t kHeader = 16;

alignas(kApart) constinit char area[kBytes] = {};
constinit size_t used = 0;

}  // namespace

void* allocate_early(size_t size, size_t alignment) {
  const auto base = reinterpret_cast<uintptr_t>(area);
  const size_t start =
      round_up(base + used + kHeader, alignment > kHeader ? alignment : kHeader) - base;
  if (start >= kBytes || size > kBytes - start) return nullptr;
  used = round_up(start + size, kHeader);
  *reinterpret_cast<size_t*>(area + start - kHeader) = size;
  return area + start;
}

bool is_early_memory(const void* address) {
  return reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(area) < kBytes;
}

size_t early_memory_size(const void* address) {
  return *reinterpret_cast<const size_t*>(static_cast<const char*>(address) - kHeader);
}

}  // namespace hakmem
