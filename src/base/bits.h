// Owns: arithmetic on powers of two and on 32-bit masks of slices.
// Called by: every layer.
// Never: state, system calls.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#define HAKMEM_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define HAKMEM_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

// On declarations of our globals: they are reached without the global offset table.
#define HAKMEM_HIDDEN __attribute__((visibility("hidden")))

namespace hakmem {

// A relaxed load that the compiler may fold into the instruction that uses it, which GCC does not
// do with std::atomic. For words that only rise or whose value decides nothing but "mine or not".
inline uintptr_t folded_load(const std::atomic<uintptr_t>& word) {
#if defined(__SANITIZE_THREAD__)
  return word.load(std::memory_order_relaxed);
#else
  static_assert(sizeof(word) == sizeof(uintptr_t));
  return *reinterpret_cast<const uintptr_t*>(&word);
#endif
}

constexpr bool is_power_of_two(size_t value) {
  return value != 0 && (value & (value - 1)) == 0;
}

// `alignment` is a power of two. The result wraps for values within `alignment` of SIZE_MAX.
constexpr size_t round_up(size_t value, size_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

constexpr size_t round_down(size_t value, size_t alignment) {
  return value & ~(alignment - 1);
}

constexpr uint32_t floor_log2(size_t value) {
  return 63 - static_cast<uint32_t>(std::countl_zero(static_cast<uint64_t>(value)));
}

// The lowest `count` bits; count is 0 to 32.
constexpr uint32_t low_mask(uint32_t count) {
  return count >= 32 ? ~uint32_t{0} : (uint32_t{1} << count) - 1;
}

// Bit i is set where bits i .. i+count-1 of `mask` are all set; count is 1 to 32.
constexpr uint32_t starts_of_runs(uint32_t mask, uint32_t count) {
  uint32_t have = 1;
  while (have < count && mask != 0) {
    const uint32_t step = have < count - have ? have : count - have;
    mask &= mask >> step;
    have += step;
  }
  return mask;
}

constexpr uint32_t longest_run(uint32_t mask) {
  uint32_t length = 0;
  while (mask != 0) {
    mask &= mask >> 1;
    ++length;
  }
  return length;
}

}  // namespace hakmem
