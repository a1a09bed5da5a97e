// Owns: the workloads.
// Called by: main.cc through the table at the end.
// Never: setup inside a timed phase; a block left unwritten.
#include "scenarios.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <thread>

#include "large_memory.h"
#include "workload.h"

namespace {

Outcome pair_of_32(const Request& request) {
  return repeat(request, 1, []<class Allocator>(unsigned, uint64_t iterations) {
    for (uint64_t i = 0; i < iterations; ++i) {
      void* block = Allocator::allocate(32);
      write_byte(block);
      Allocator::release(block);
    }
  });
}

// Batches of 100 blocks of 16-64 B, freed in reverse order.
Outcome tiny_hot(const Request& request) {
  constexpr size_t kBatch = 100;
  return repeat(request, kBatch, []<class Allocator>(unsigned thread, uint64_t iterations) {
    Random random(thread + 1);
    std::array<size_t, kBatch> sizes;
    for (size_t& size : sizes) size = 16 + random.below(49);
    std::array<void*, kBatch> blocks;
    for (uint64_t i = 0; i < iterations; ++i) {
      for (size_t k = 0; k < kBatch; ++k) {
        blocks[k] = Allocator::allocate(sizes[k]);
        write_byte(blocks[k]);
      }
      for (size_t k = kBatch; k-- > 0;) Allocator::release(blocks[k]);
    }
  });
}

// One block at a time, one byte written in each of its pages.
template <size_t kSize>
Outcome touched(const Request& request) {
  const auto body = []<class Allocator>(unsigned, uint64_t iterations) {
    for (uint64_t i = 0; i < iterations; ++i) {
      void* block = Allocator::allocate(kSize);
      write_every_page(block, kSize);
      Allocator::release(block);
    }
  };
  return repeat(request, 1, body, Start::kWarm);
}

// json, mir and vm blocks as 8 : 2 : 1.
Outcome mixed(const Request& request) {
  const auto body = []<class Allocator>(unsigned, uint64_t iterations) {
    for (uint64_t i = 0; i < iterations; ++i) {
      for (unsigned k = 0; k < 11; ++k) {
        const size_t size = k < 8 ? 64 * kKiB : k < 10 ? 256 * kKiB : 2 * kMiB;
        void* block = Allocator::allocate(size);
        write_every_page(block, size);
        Allocator::release(block);
      }
    }
  };
  return repeat(request, 11, body, Start::kWarm);
}

constexpr size_t kLive = 10'000;

// kLive blocks of 16-256 B; a random one is replaced.
Outcome random_replacement(const Request& request) {
  return repeat(request, 1, []<class Allocator>(unsigned thread, uint64_t iterations) {
    Random random(thread + 1);
    std::vector<void*> live(kLive);
    for (void*& block : live) block = Allocator::allocate(16 + random.below(241));
    for (uint64_t i = 0; i < iterations; ++i) {
      void*& block = live[random.below(kLive)];
      Allocator::release(block);
      block = Allocator::allocate(16 + random.below(241));
      write_byte(block);
    }
    for (void* block : live) Allocator::release(block);
  });
}

// 200,000 blocks of 16-256 B allocated, then all freed.
Outcome bulk(const Request& request) {
  constexpr size_t kBlocks = 200'000;
  return repeat(request, kBlocks, []<class Allocator>(unsigned thread, uint64_t iterations) {
    Random random(thread + 1);
    std::vector<size_t> sizes(kBlocks);
    for (size_t& size : sizes) size = 16 + random.below(241);
    std::vector<void*> blocks(kBlocks);
    for (uint64_t i = 0; i < iterations; ++i) {
      for (size_t k = 0; k < kBlocks; ++k) {
        blocks[k] = Allocator::allocate(sizes[k]);
        write_byte(blocks[k]);
      }
      for (void* block : blocks) Allocator::release(block);
    }
  });
}

// One thread allocates and writes, the other reads and frees; pairs of threads, each with a ring
// between them.
struct Ring {
  static constexpr size_t kPlaces = 1024;
  alignas(64) std::array<void*, kPlaces> places;
  alignas(64) std::atomic<uint64_t> produced{0};
  alignas(64) std::atomic<uint64_t> consumed{0};
};

template <class Allocator>
void produce(Ring& ring, uint64_t iterations, uint64_t seed) {
  Random random(seed);
  for (uint64_t i = 0; i < iterations; ++i) {
    const size_t size = 16 + random.below(241);
    void* block = Allocator::allocate(size);
    write_byte(block);
    while (i - ring.consumed.load(std::memory_order_acquire) >= Ring::kPlaces) {
      std::this_thread::yield();
    }
    ring.places[i % Ring::kPlaces] = block;
    ring.produced.store(i + 1, std::memory_order_release);
  }
}

template <class Allocator>
void consume(Ring& ring, uint64_t iterations) {
  for (uint64_t i = 0; i < iterations;) {
    const uint64_t produced = ring.produced.load(std::memory_order_acquire);
    if (produced == i) {
      std::this_thread::yield();
      continue;
    }
    for (; i < produced; ++i) {
      void* block = ring.places[i % Ring::kPlaces];
      read_byte(block);
      Allocator::release(block);
    }
    ring.consumed.store(i, std::memory_order_release);
  }
}

Outcome producer_consumer(const Request& request) {
  const unsigned pairs = std::max(request.threads / 2, 1u);
  std::vector<std::unique_ptr<Ring>> rings;
  for (unsigned pair = 0; pair < pairs; ++pair) rings.push_back(std::make_unique<Ring>());
  Request doubled = request;
  doubled.threads = pairs * 2;
  return repeat(doubled, 1, [&]<class Allocator>(unsigned thread, uint64_t iterations) {
    Ring& ring = *rings[thread / 2];
    if (thread % 2 == 0) {
      produce<Allocator>(ring, iterations, thread + 1);
    } else {
      consume<Allocator>(ring, iterations);
    }
  });
}

// Server churn after Larson and Krishnan: each worker replaces random blocks among its slots for a
// while, then ends and hands the slots, blocks and all, to a new thread.
constexpr size_t kLarsonSlots = 1000;
constexpr unsigned kLarsonGenerations = 10;

template <class Allocator, class Record>
void larson_worker(std::vector<void*>& slots, uint64_t iterations, uint64_t seed, Record record) {
  Random random(seed);
  for (uint64_t i = 0; i < iterations; ++i) {
    void*& slot = slots[random.below(kLarsonSlots)];
    const size_t size = 10 + random.below(491);
    record(slot, size);
  }
}

template <class Allocator, class Record>
void larson_generations(unsigned thread, uint64_t iterations, Record record) {
  std::vector<void*> slots(kLarsonSlots);
  Random random(thread + 1);
  for (void*& slot : slots) slot = Allocator::allocate(10 + random.below(491));
  for (unsigned generation = 0; generation < kLarsonGenerations; ++generation) {
    std::thread([&] {
      larson_worker<Allocator>(slots, iterations / kLarsonGenerations,
                               thread * kLarsonGenerations + generation + 1, record);
    }).join();
  }
  for (void* slot : slots) Allocator::release(slot);
}

Outcome larson(const Request& request) {
  return repeat(request, 1, []<class Allocator>(unsigned thread, uint64_t iterations) {
    // The do-nothing line's buffer belongs to one thread: its generations stay in this one.
    if constexpr (std::is_same_v<Allocator, Nothing>) {
      std::vector<void*> slots(kLarsonSlots);
      larson_worker<Nothing>(slots, iterations, thread + 1, [](void*& slot, size_t size) {
        Nothing::release(slot);
        slot = Nothing::allocate(size);
        write_byte(slot);
      });
    } else {
      larson_generations<Allocator>(thread, iterations, [](void*& slot, size_t size) {
        Allocator::release(slot);
        slot = Allocator::allocate(size);
        write_byte(slot);
      });
    }
  });
}

// Its pages are touched beforehand: a fault of ours would leave the next call with cold caches.
class Latencies {
 public:
  explicit Latencies(uint64_t capacity) : samples_(capacity) {}
  void add(uint64_t value) {
    if (used_ < samples_.size()) samples_[used_++] = static_cast<uint32_t>(value);
  }
  std::span<const uint32_t> samples() const { return {samples_.data(), used_}; }

 private:
  std::vector<uint32_t> samples_;
  size_t used_ = 0;
};

// The same churn with every single call timed.
Outcome larson_latency(const Request& request) {
  std::vector<std::unique_ptr<Latencies>> mallocs;
  std::vector<std::unique_ptr<Latencies>> frees;
  for (unsigned thread = 0; thread < request.threads; ++thread) {
    mallocs.push_back(std::make_unique<Latencies>(request.iterations));
    frees.push_back(std::make_unique<Latencies>(request.iterations));
  }
  Request real = request;
  real.nothing = false;
  Outcome outcome = repeat(real, 1, [&]<class Allocator>(unsigned thread, uint64_t iterations) {
    Latencies& malloc_times = *mallocs[thread];
    Latencies& free_times = *frees[thread];
    larson_generations<Allocator>(thread, iterations, [&](void*& slot, size_t size) {
      const uint64_t before = ticks();
      Allocator::release(slot);
      const uint64_t between = ticks();
      slot = Allocator::allocate(size);
      const uint64_t after = ticks();
      write_byte(slot);
      free_times.add(between - before);
      malloc_times.add(after - between);
    });
  });
  const double scale = ticks_per_ns();
  const auto report = [&](const char* name, std::vector<std::unique_ptr<Latencies>>& all) {
    std::vector<uint32_t> merged;
    for (auto& one : all) {
      const auto samples = one->samples();
      merged.insert(merged.end(), samples.begin(), samples.end());
    }
    std::sort(merged.begin(), merged.end());
    for (const auto& [label, quantile] :
         {std::pair{"p50", 0.5}, std::pair{"p99", 0.99}, std::pair{"p99.9", 0.999}}) {
      const auto at = static_cast<size_t>(quantile * static_cast<double>(merged.size() - 1));
      outcome.latency_ns.emplace_back(std::string(name) + " " + label, merged[at] / scale);
    }
  };
  report("malloc", mallocs);
  report("free", frees);
  return outcome;
}

constexpr Scenario kScenarios[] = {
    {"pair-32", "malloc(32), free", "pair", 20'000'000, 0, pair_of_32},
    {"tiny-hot", "batches of 100 blocks of 16-64 B, freed in reverse", "pair", 20'000'000, 0,
     tiny_hot},
    {"random-10k", "10,000 live blocks of 16-256 B, a random one replaced", "pair", 10'000'000, 0,
     random_replacement},
    {"bulk", "200,000 blocks of 16-256 B allocated, then freed", "pair", 4'000'000, 0, bulk},
    {"producer-consumer", "one thread allocates, another frees", "pair", 5'000'000, 0,
     producer_consumer},
    {"larson", "server churn over generations of threads", "pair", 5'000'000, 0, larson},
    {"larson-latency", "the same, every call timed", "pair", 2'000'000, 0, larson_latency},
    {"json", "64 KiB, each page written", "pair", 2'000'000, 0, touched<64 * kKiB>},
    {"mir", "256 KiB, each page written", "pair", 500'000, 0, touched<256 * kKiB>},
    {"vm", "2 MiB, each page written", "pair", 100'000, 0, touched<2 * kMiB>},
    {"mixed", "64 KiB, 256 KiB and 2 MiB as 8:2:1, each page written", "pair", 500'000, 0, mixed},
    {"loop-8m", "8 MiB, each page written", "pair", 2'000, 0, touched<8 * kMiB>},
    {"loop-16m", "16 MiB, each page written", "pair", 1'000, 0, touched<16 * kMiB>},
    {"loop-32m", "32 MiB, each page written", "pair", 500, 0, touched<32 * kMiB>},
    {"loop-64m", "64 MiB, each page written", "pair", 250, 0, touched<64 * kMiB>},
    {"large-random", "32 live blocks of 32 KiB-16 MiB, a random one replaced", "pair", 3'000, 0,
     large_random},
    {"grow",
     "blocks of 64 KiB-1 MiB until --mebibytes are in use, each page written, all freed; "
     "iterations: times",
     "MiB", 1, 1024, grow},
    {"chase", "--mebibytes of nodes of 64-256 B, linked in random order; iterations: hops", "hop",
     10'000'000, 1024, chase},
    {"revisit",
     "one block of --mebibytes every 600 ms, each page written; small work in between; "
     "iterations: visits",
     "MiB", 4, 15, revisit},
    {"purge-latency",
     "every call timed beside a thread that frees and touches --mebibytes, and "
     "beside one that keeps them",
     "pair", 20'000'000, 1024, purge_latency},
    {"realloc-churn", "32 live blocks of 64 KiB-8 MiB, a random one resized; iterations: resizes",
     "realloc", 5'000, 0, realloc_churn},
};

}  // namespace

std::span<const Scenario> scenarios() {
  return kScenarios;
}
