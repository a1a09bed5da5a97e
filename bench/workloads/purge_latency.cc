// Owns: single calls of one thread, timed while another thread frees and touches much memory.
// Called by: the table in scenarios.cc.
// Never: the partner's first touch of its memory inside a timed phase.
#include <array>
#include <atomic>
#include <bit>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "large_memory.h"
#include "process_memory.h"
#include "workload.h"

namespace {

// Counts of ticks, exact below kExact and to 1.6 % above: small enough to stay out of the way.
class Histogram {
 public:
  void add(uint64_t value) { ++counts_[std::min(place_of(value), kPlaces - 1)]; }

  // In ticks, a value that `share` of the samples do not exceed.
  double quantile(double share) const {
    uint64_t total = 0;
    for (const uint64_t count : counts_) total += count;
    auto left = static_cast<uint64_t>(share * static_cast<double>(total - 1)) + 1;
    for (size_t place = 0; place < kPlaces; ++place) {
      if (counts_[place] >= left) return static_cast<double>(lowest_of(place));
      left -= counts_[place];
    }
    return static_cast<double>(lowest_of(kPlaces - 1));
  }

 private:
  static constexpr size_t kStepsLog2 = 6;
  static constexpr size_t kSteps = 1 << kStepsLog2;  // to each doubling
  static constexpr size_t kExactLog2 = 10;
  static constexpr size_t kExact = 1 << kExactLog2;
  static constexpr size_t kDoublings = 30;
  static constexpr size_t kPlaces = kExact + kDoublings * kSteps;

  static size_t place_of(uint64_t value) {
    if (value < kExact) return value;
    const size_t log2 = static_cast<size_t>(std::bit_width(value)) - 1;
    const size_t step = (value >> (log2 - kStepsLog2)) - kSteps;
    return kExact + (log2 - kExactLog2) * kSteps + step;
  }
  static uint64_t lowest_of(size_t place) {
    if (place < kExact) return place;
    const size_t log2 = kExactLog2 + (place - kExact) / kSteps;
    return (kSteps + (place - kExact) % kSteps) << (log2 - kStepsLog2);
  }

  std::array<uint64_t, kPlaces> counts_{};
};

enum class Partner { kKeeps, kFrees };

// Holds and touches memory in blocks of 64 KiB to 1 MiB until it is told to stop; one that frees
// does so with all of it after each touch.
class PartnerThread {
 public:
  PartnerThread(Partner kind, size_t bytes) : thread_([this, kind, bytes] { run(kind, bytes); }) {
    ready_.wait(false);
  }
  void stop() {
    stopping_ = true;
    thread_.join();
  }

 private:
  void run(Partner kind, size_t bytes) {
    Random random(7);
    std::vector<std::pair<void*, size_t>> blocks;
    const auto allocate = [&] {
      for (size_t used = 0; used < bytes && !stopping_; used += blocks.back().second) {
        const size_t size = log_uniform(random, 64 * kKiB, 4);
        blocks.emplace_back(std::malloc(size), size);
        write_every_page(blocks.back().first, size);
      }
    };
    const auto release = [&] {
      for (const auto& [start, size] : blocks) std::free(start);
      blocks.clear();
    };
    allocate();
    ready_ = true;
    ready_.notify_one();
    while (!stopping_) {
      if (kind == Partner::kFrees) {
        release();
        allocate();
        continue;
      }
      for (const auto& [start, size] : blocks) {
        if (stopping_) break;
        write_every_page(start, size);
      }
    }
    release();
  }

  std::atomic<bool> ready_{false};
  std::atomic<bool> stopping_{false};
  std::thread thread_;  // last: it uses the others
};

struct Calls {
  Histogram malloc_ticks;
  Histogram free_ticks;
  double ns = 0;  // all of them, from the first to the last
  uint64_t faults = 0;
};

// 1,000 live blocks, three of four log-uniform 16 to 512 B, the others 512 B to 32 KiB; a random
// one is replaced.
void replace_blocks(uint64_t iterations, Calls& calls) {
  constexpr size_t kLive = 1000;
  Random random(1);
  std::vector<void*> live(kLive);
  const auto draw_size = [&] {
    return random.below(4) != 0 ? log_uniform(random, 16, 5) : log_uniform(random, 512, 6);
  };
  for (void*& block : live) block = std::malloc(draw_size());
  const double start = now_ns();
  for (uint64_t i = 0; i < iterations; ++i) {
    void*& block = live[random.below(kLive)];
    const size_t size = draw_size();
    const uint64_t before = ticks();
    std::free(block);
    const uint64_t between = ticks();
    block = std::malloc(size);
    const uint64_t after = ticks();
    write_byte(block);
    calls.free_ticks.add(between - before);
    calls.malloc_ticks.add(after - between);
  }
  calls.ns = now_ns() - start;
  for (void* block : live) std::free(block);
}

void run_beside(Partner kind, const Request& request, Calls& calls) {
  PartnerThread partner(kind, request.mebibytes * kMiB);
  const uint64_t faults_before = process_memory().minor_faults;
  replace_blocks(request.iterations, calls);
  calls.faults = process_memory().minor_faults - faults_before;
  partner.stop();
}

}  // namespace

// Malloc and free of small and medium blocks beside a partner that frees, and so has memory purged,
// against the same beside one that only touches what it keeps.
Outcome purge_latency(const Request& request) {
  Calls beside_kept, beside_freed;
  run_beside(Partner::kKeeps, request, beside_kept);
  run_beside(Partner::kFrees, request, beside_freed);
  const double scale = ticks_per_ns();
  Outcome outcome;
  outcome.ns = beside_freed.ns / static_cast<double>(request.iterations);
  const auto report = [&](const std::string& name, const Histogram& histogram) {
    for (const auto& [label, share] :
         {std::pair{" p50", 0.5}, std::pair{" p99", 0.99}, std::pair{" p99.9", 0.999}}) {
      outcome.latency_ns.emplace_back(name + label, histogram.quantile(share) / scale);
    }
  };
  report("malloc", beside_freed.malloc_ticks);
  report("kept malloc", beside_kept.malloc_ticks);
  report("free", beside_freed.free_ticks);
  report("kept free", beside_kept.free_ticks);
  outcome.numbers.emplace_back("faults_freed", static_cast<double>(beside_freed.faults));
  outcome.numbers.emplace_back("faults_kept", static_cast<double>(beside_kept.faults));
  return outcome;
}
