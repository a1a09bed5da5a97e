// Owns: a limit together with what counts against it, and which of two is nearer to being reached.
// Called by: cgroup.cc, pressure.cc.
// Never: a division by zero, an overflow: the numbers come from files.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hakmem {

// In bytes. SIZE_MAX is no limit.
struct MemoryShare {
  size_t limit_bytes = SIZE_MAX;
  size_t used_bytes = 0;

  constexpr size_t headroom_bytes() const {
    if (limit_bytes == SIZE_MAX) return SIZE_MAX;
    return used_bytes < limit_bytes ? limit_bytes - used_bytes : 0;
  }

  // Used parts of ten thousand, 10000 at the limit and above; 0 without a limit.
  constexpr uint32_t used_per_10000() const {
    if (limit_bytes == SIZE_MAX) return 0;
    if (used_bytes >= limit_bytes) return 10000;
    if (limit_bytes < (size_t{1} << 40)) {
      return static_cast<uint32_t>(used_bytes * 10000 / limit_bytes);
    }
    return static_cast<uint32_t>((used_bytes >> 20) * 10000 / (limit_bytes >> 20));
  }
};

// Of equal shares, that of the smaller limit.
constexpr bool is_nearer_to_limit(MemoryShare a, MemoryShare b) {
  const uint32_t share_a = a.used_per_10000();
  const uint32_t share_b = b.used_per_10000();
  return share_a != share_b ? share_a > share_b : a.limit_bytes < b.limit_bytes;
}

constexpr MemoryShare nearer_to_limit(MemoryShare a, MemoryShare b) {
  return is_nearer_to_limit(b, a) ? b : a;
}

}  // namespace hakmem
