// Owns: large blocks replaced, memory that grows, memory that is walked through.
// Called by: the table in scenarios.cc.
// Never: setup inside a timed phase; a page left unwritten.
#include "large_memory.h"

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <vector>

#include "process_memory.h"
#include "workload.h"

namespace {

// Resident and live memory over a run. The time of a look is taken off the phase's and reported.
class MemorySamples {
 public:
  static constexpr uint64_t kEvery = 128;  // iterations of each thread from look to look

  // A block counts as live while all its pages are written.
  void add_live(size_t size) { live_.fetch_add(size, std::memory_order_relaxed); }
  void remove_live(size_t size) { live_.fetch_sub(size, std::memory_order_relaxed); }

  void look() {
    const double start = now_ns();
    const uint64_t before = live_.load(std::memory_order_relaxed);
    resident_kib_.fetch_add(resident_kib(), std::memory_order_relaxed);
    // The other threads go on meanwhile.
    const uint64_t after = live_.load(std::memory_order_relaxed);
    live_kib_.fetch_add((before + after) / 2 / kKiB, std::memory_order_relaxed);
    looks_.fetch_add(1, std::memory_order_relaxed);
    ns_.fetch_add(static_cast<uint64_t>(now_ns() - start), std::memory_order_relaxed);
  }

  void report(const Request& request, Outcome& outcome) const {
    const auto looks = static_cast<double>(looks_.load());
    outcome.ns -=
        static_cast<double>(ns_.load()) / request.threads / static_cast<double>(request.iterations);
    outcome.numbers.emplace_back("average_rss_kib", static_cast<double>(resident_kib_) / looks);
    outcome.numbers.emplace_back("average_live_kib", static_cast<double>(live_kib_) / looks);
    outcome.numbers.emplace_back("memory_samples", looks);
    outcome.numbers.emplace_back("ns_per_memory_sample", static_cast<double>(ns_) / looks);
  }

 private:
  std::atomic<uint64_t> live_{0};  // bytes
  std::atomic<uint64_t> resident_kib_{0};
  std::atomic<uint64_t> live_kib_{0};
  std::atomic<uint64_t> looks_{0};
  std::atomic<uint64_t> ns_{0};
};

// A hypervisor takes free memory back within a second, and finding it again costs several times
// what a page fault does: so much of it is touched and unmapped just before the clock starts.
void warm_machine(size_t size) {
  for (const int advice : {MADV_NOHUGEPAGE, MADV_HUGEPAGE}) {
    void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return;
    madvise(memory, size, advice);
    write_every_page(memory, size);
    munmap(memory, size);
  }
}

size_t share_of(const Request& request) {
  return request.mebibytes * kMiB / request.threads;
}

struct Node {
  Node* next;
};

// So many nodes of 64 to 256 B that they make up `bytes`, linked to one ring in random order.
template <class Allocator>
Node* random_ring(size_t bytes, uint64_t seed) {
  Random random(seed);
  // From the kernel: what is needed to shuffle is not the allocator's to hold.
  const size_t places = bytes / 64 + 1;
  void* memory = mmap(nullptr, places * sizeof(Node*), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  auto* nodes = static_cast<Node**>(memory);
  size_t count = 0;
  for (size_t used = 0; used < bytes;) {
    const size_t size = 64 + random.below(193);
    nodes[count] = static_cast<Node*>(Allocator::allocate(size));
    write_byte(nodes[count++]);
    used += size;
  }
  for (size_t last = count; last-- > 1;) std::swap(nodes[last], nodes[random.below(last + 1)]);
  for (size_t at = 0; at < count; ++at) nodes[at]->next = nodes[(at + 1) % count];
  Node* first = nodes[0];
  munmap(memory, places * sizeof(Node*));
  return first;
}

}  // namespace

// 32 live blocks, log-uniform 32 KiB to 16 MiB; a random one is replaced, every page written.
Outcome large_random(const Request& request) {
  constexpr size_t kBlocks = 32;
  MemorySamples samples;
  Outcome outcome = repeat(request, 1, [&]<class Allocator>(unsigned thread, uint64_t iterations) {
    struct Block {
      void* start;
      size_t size;
    };
    Random random(thread + 1);
    std::array<Block, kBlocks> live{};
    for (uint64_t i = 1; i <= iterations; ++i) {
      Block& block = live[random.below(kBlocks)];
      const size_t size = log_uniform(random, 32 * kKiB, 9);
      samples.remove_live(block.size);
      Allocator::release(block.start);
      block = {Allocator::allocate(size), size};
      write_every_page(block.start, size);
      samples.add_live(size);
      if (i % MemorySamples::kEvery == 0 || i == iterations) samples.look();
    }
    for (const Block& block : live) Allocator::release(block.start);
  });
  if (!request.nothing) samples.report(request, outcome);
  return outcome;
}

// Blocks of 64 KiB to 1 MiB until all memory asked for is in use, every page written; all freed.
Outcome grow(const Request& request) {
  struct Blocks {
    std::vector<size_t> sizes;
    std::vector<void*> starts;
  };
  std::vector<Blocks> threads(request.threads);
  for (unsigned thread = 0; thread < request.threads; ++thread) {
    Random random(thread + 1);
    std::vector<size_t>& sizes = threads[thread].sizes;
    for (size_t left = share_of(request); left > 0; left -= sizes.back()) {
      sizes.push_back(std::min(left, log_uniform(random, 64 * kKiB, 4)));
    }
    threads[thread].starts.resize(sizes.size());
  }
  const auto prepare = [&](unsigned thread) {
    if (request.nothing) prepare_nothing();
    if (thread == 0) {
      warm_machine(request.mebibytes * kMiB);
      forget_peak();
    }
  };
  const double elapsed = timed(request, prepare, [&](unsigned thread) {
    with_allocator(request, [&]<class Allocator>() {
      auto& [sizes, starts] = threads[thread];
      for (uint64_t i = 0; i < request.iterations; ++i) {
        for (size_t k = 0; k < sizes.size(); ++k) {
          starts[k] = Allocator::allocate(sizes[k]);
          write_every_page(starts[k], sizes[k]);
        }
        for (void* start : starts) Allocator::release(start);
      }
    });
  });
  const double mebibytes = static_cast<double>(share_of(request)) / kMiB;
  Outcome outcome;
  outcome.ns = elapsed / (static_cast<double>(request.iterations) * mebibytes);
  return outcome;
}

// Nodes of 64 to 256 B in random order: what the placement of much small memory costs its reader,
// above all in the TLB. Nothing is freed.
Outcome chase(const Request& request) {
  std::vector<Node*> rings(request.threads);
  const auto prepare = [&](unsigned thread) {
    if (!request.nothing) {
      rings[thread] = random_ring<System>(share_of(request), thread + 1);
      forget_peak();
      return;
    }
    // All nodes are one: the hops alone, from the first-level cache.
    prepare_nothing();
    rings[thread] = static_cast<Node*>(Nothing::allocate(64));
    rings[thread]->next = rings[thread];
  };
  const double elapsed = timed(request, prepare, [&](unsigned thread) {
    Node* node = rings[thread];
    for (uint64_t i = 0; i < request.iterations; ++i) node = node->next;
    read_byte(node);
  });
  Outcome outcome;
  outcome.ns = elapsed / static_cast<double>(request.iterations);
  outcome.numbers.emplace_back("huge_page_kib", static_cast<double>(huge_page_kib()));
  return outcome;
}
