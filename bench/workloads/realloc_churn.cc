// Owns: large blocks that change their size at random, their contents checked.
// Called by: the table in scenarios.cc.
// Never: a reallocation whose contents go unchecked.
#include <iostream>
#include <mutex>
#include <type_traits>
#include <vector>

#include "large_memory.h"
#include "process_memory.h"
#include "workload.h"

namespace {

constexpr size_t kBlocks = 32;
constexpr uint64_t kEvery = 256;  // operations from count to count of the mappings

// Every page begins with a word that tells the block and the page.
class Block {
 public:
  explicit Block(uint64_t number) : number_(number << 32) {}

  // Returns whether what was kept is what had been written.
  template <class Allocator>
  bool resize(size_t size, Random& random) {
    auto* words = static_cast<uint64_t*>(Allocator::reallocate(words_, size));
    if (words == nullptr) std::abort();
    words_ = words;
    const size_t pages = size / kPage;
    const size_t kept = std::min(pages, pages_);
    const bool good = kept == 0 || (holds(0) && holds(kept / 2) && holds(kept - 1) &&
                                    holds(random.below(kept)) && holds(random.below(kept)));
    for (size_t page = kept; page < pages; ++page) word(page) = number_ + page;
    pages_ = pages;
    return good;
  }

  template <class Allocator>
  void release() {
    Allocator::release(words_);
  }

 private:
  volatile uint64_t& word(size_t page) { return words_[page * (kPage / sizeof(uint64_t))]; }
  bool holds(size_t page) { return word(page) == number_ + page; }

  uint64_t number_;
  uint64_t* words_ = nullptr;
  size_t pages_ = 0;
};

// The time of a count is taken off the phase's: it grows with what is counted.
class Mappings {
 public:
  void count() {
    const double start = now_ns();
    const std::lock_guard guard(mutex_);
    last_ = mapping_count();
    most_ = std::max(most_, last_);
    ns_ += now_ns() - start;
  }

  void report(const Request& request, Outcome& outcome) const {
    outcome.ns -= ns_ / request.threads / static_cast<double>(request.iterations);
    outcome.numbers.emplace_back("end_mappings", static_cast<double>(last_));
    outcome.numbers.emplace_back("most_mappings", static_cast<double>(most_));
  }

 private:
  std::mutex mutex_;
  uint64_t last_ = 0;
  uint64_t most_ = 0;
  double ns_ = 0;
};

}  // namespace

// 32 live blocks; a random one gets a new size, log-uniform 64 KiB to 8 MiB, new pages written.
Outcome realloc_churn(const Request& request) {
  Mappings mappings;
  Outcome outcome = repeat(request, 1, [&]<class Allocator>(unsigned thread, uint64_t iterations) {
    Random random(thread + 1);
    std::vector<Block> blocks;
    for (uint64_t number = 0; number < kBlocks; ++number) blocks.emplace_back(number + 1);
    for (uint64_t i = 1; i <= iterations; ++i) {
      Block& block = blocks[random.below(kBlocks)];
      const size_t size = log_uniform(random, 64 * kKiB, 7);
      const bool good = block.resize<Allocator>(size, random);
      // The do-nothing line's blocks all lie in one buffer.
      if (!good && std::is_same_v<Allocator, System>) {
        std::cerr << "realloc-churn: contents were lost on the way to " << size << " bytes\n";
        std::abort();
      }
      if (i % kEvery == 0 || i == iterations) mappings.count();
    }
    for (Block& block : blocks) block.release<Allocator>();
  });
  mappings.report(request, outcome);
  return outcome;
}
