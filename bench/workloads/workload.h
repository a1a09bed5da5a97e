// Owns: what workloads are made of: an allocator by type, clocks, random sizes, threads at a gate.
// Called by: scenarios.cc, large_memory.cc, purge_latency.cc, realloc_churn.cc, revisit.cc,
// idle.cc. Never: an allocation of its own between the two ends of a timed phase.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>

#include "do_nothing.h"
#include "scenarios.h"

inline constexpr size_t kPage = 4096;
inline constexpr size_t kKiB = 1024;
inline constexpr size_t kMiB = 1024 * kKiB;
inline constexpr size_t kNothingBytes = 64 * kMiB;

struct System {
  static void* allocate(size_t size) { return std::malloc(size); }
  static void* reallocate(void* block, size_t size) { return std::realloc(block, size); }
  static void release(void* block) { std::free(block); }
};

struct Nothing {
  static void* allocate(size_t size) { return nothing_malloc(size); }
  static void* reallocate(void*, size_t size) { return nothing_malloc(size); }
  static void release(void* block) { nothing_free(block); }
};

// CLOCK_MONOTONIC.
double now_ns();

// The time stamp counter, for single calls; ticks_per_ns() takes 20 ms to measure its rate.
inline uint64_t ticks() {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#else
  uint64_t value;
  __asm__ volatile("mrs %0, cntvct_el0" : "=r"(value));
  return value;
#endif
}
double ticks_per_ns();

// xorshift64*: a few instructions, so that the generator does not drown what is measured.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15 + 1) {}
  uint64_t next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545F4914F6CDD1D;
  }
  size_t below(size_t bound) { return static_cast<size_t>((next() >> 32) * bound >> 32); }

 private:
  uint64_t state_;
};

// Log-uniform from `least` bytes to `least` << `doublings`; a few nanoseconds, without exp2.
inline size_t log_uniform(Random& random, size_t least, size_t doublings) {
  const size_t base = least << random.below(doublings);
  return base + random.below(base);
}

inline void write_byte(void* block) {
  *static_cast<volatile char*>(block) = 1;
}

inline void read_byte(void* block) {
  (void)*static_cast<volatile char*>(block);
}

inline void write_every_page(void* block, size_t size) {
  auto* bytes = static_cast<volatile char*>(block);
  for (size_t at = 0; at < size; at += kPage) bytes[at] = 1;
}

// Runs `prepare(thread)` and then `body(thread)` in all threads at once; returns the time from the
// common start of the bodies until the last is done. The first thread is the caller, so that one
// thread means a single-threaded process.
double timed(const Request& request, const std::function<void(unsigned)>& prepare,
             const std::function<void(unsigned)>& body);

// Gives the calling thread the do-nothing functions' buffer, resident before the clock starts.
void prepare_nothing();

// Calls `use.operator()<Allocator>()` for the requested allocator.
template <class Use>
auto with_allocator(const Request& request, Use use) {
  if (request.nothing) return use.template operator()<Nothing>();
  return use.template operator()<System>();
}

enum class Start { kCold, kWarm };

// Runs `body.operator()<Allocator>(thread, iterations)` for the requested allocator. A warm start
// runs one iteration before the clock: where a loop is about reuse, its first touch of the memory,
// tens of thousands of page faults, is not what is asked for.
template <class Body>
Outcome repeat(const Request& request, uint64_t pairs_per_iteration, Body body,
               Start start = Start::kCold) {
  const uint64_t iterations = std::max<uint64_t>(request.iterations / pairs_per_iteration, 1);
  const auto prepare = [&](unsigned) {
    if (request.nothing) {
      prepare_nothing();
    } else if (start == Start::kWarm) {
      body.template operator()<System>(0, 1);
    }
  };
  const double elapsed = timed(request, prepare, [&](unsigned thread) {
    with_allocator(request, [&]<class Allocator>() {
      body.template operator()<Allocator>(thread, iterations);
    });
  });
  Outcome outcome;
  outcome.ns = elapsed / static_cast<double>(iterations * pairs_per_iteration);
  return outcome;
}
