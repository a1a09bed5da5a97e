// Owns: a long churn of mixed sizes over threads, its checks, its resident memory over live bytes.
// Called by: scripts/soak.
// Never: a block whose contents go unchecked when it is freed.
//
// Every thread keeps a set of blocks whose total swings between half and all of its share, so that
// heaps grow and shrink; the mix of sizes shifts from phase to phase, so that what was freed has to
// serve other sizes; one block in ten goes to the next thread, which frees it.
#include <dlfcn.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>
#include <vector>

#include "process_memory.h"

namespace {

using Clock = std::chrono::steady_clock;

struct Block {
  uint64_t* start;
  size_t size;  // bytes, a multiple of 8
  uint64_t seed;
};

std::atomic<uint64_t> operations{0};
// Allocated and not freed, wherever a block is: with its thread or on its way to the next.
std::atomic<int64_t> live_bytes{0};
std::atomic<bool> stop{false};

void fill(const Block& block) {
  block.start[0] = block.seed;
  block.start[block.size / 16] = block.seed + 1;
  block.start[block.size / 8 - 1] = block.seed + 2;
}

void check(const Block& block) {
  const size_t middle = block.size / 16, last = block.size / 8 - 1;
  const bool good = block.start[last] == block.seed + 2 &&
                    (middle == last || block.start[middle] == block.seed + 1) &&
                    (middle == 0 || last == 0 || block.start[0] == block.seed);
  if (!good) {
    std::cerr << "soak: a block of " << block.size << " bytes was damaged\n";
    std::abort();
  }
}

class Mailbox {
 public:
  void put(const Block& block) {
    const std::lock_guard guard(mutex_);
    blocks_.push_back(block);
  }
  void take_all(std::vector<Block>& into) {
    const std::lock_guard guard(mutex_);
    into.swap(blocks_);
  }

 private:
  std::mutex mutex_;
  std::vector<Block> blocks_;
};

class Worker {
 public:
  Worker(unsigned number, size_t share, std::vector<Mailbox>& mailboxes)
      : random_(number + 1), share_(share), number_(number), mailboxes_(mailboxes) {}

  void run(Clock::time_point start) {
    while (!stop.load(std::memory_order_relaxed)) {
      const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
      // Two minutes from low to low; a new mix of sizes each half minute.
      const double level = 0.75 - 0.25 * std::cos(seconds / 120 * 2 * 3.14159265);
      const auto phase = static_cast<unsigned>(seconds / 30);
      for (int count = 0; count < 1000; ++count) step(level, phase);
      std::vector<Block> arrived;
      mailboxes_[number_].take_all(arrived);
      for (const Block& block : arrived) release(block);
      operations.fetch_add(1000, std::memory_order_relaxed);
    }
    for (const Block& block : blocks_) release(block);
  }

 private:
  size_t choose_size(unsigned phase) {
    const uint64_t draw = random_() % 1000;
    const double shift = 1 + 0.5 * (phase % 4);
    double size = 16 * std::exp2(5 * uniform());
    if (draw >= 900) size = 512 * std::exp2(6 * uniform());
    if (draw >= 995) size = 32768 * std::exp2(6 * uniform());
    return (static_cast<size_t>(size * shift) + 7) / 8 * 8;
  }

  double uniform() { return std::uniform_real_distribution<double>(0, 1)(random_); }

  void step(double level, unsigned phase) {
    if (held_ < static_cast<size_t>(level * static_cast<double>(share_))) {
      const size_t size = choose_size(phase);
      auto* start = static_cast<uint64_t*>(malloc(size));
      if (start == nullptr) std::abort();
      const Block block{start, size, random_()};
      // All of it is in use, as a program would.
      for (size_t at = 0; at < size / 8; at += 512) start[at] = 1;
      fill(block);
      blocks_.push_back(block);
      held_ += size;
      live_bytes.fetch_add(static_cast<int64_t>(size), std::memory_order_relaxed);
      if (random_() % 4 != 0) return;
    }
    if (blocks_.empty()) return;
    // Half of the deaths are young, half come from anywhere.
    const size_t range = random_() % 2 == 0 ? std::min<size_t>(blocks_.size(), 64) : blocks_.size();
    const size_t index = blocks_.size() - 1 - random_() % range;
    const Block block = blocks_[index];
    blocks_[index] = blocks_.back();
    blocks_.pop_back();
    held_ -= block.size;
    if (random_() % 10 == 0) {
      mailboxes_[(number_ + 1) % mailboxes_.size()].put(block);
    } else {
      release(block);
    }
  }

  static void release(const Block& block) {
    check(block);
    live_bytes.fetch_sub(static_cast<int64_t>(block.size), std::memory_order_relaxed);
    free(block.start);
  }

  std::mt19937_64 random_;
  std::vector<Block> blocks_;
  size_t held_ = 0;  // bytes
  const size_t share_;
  const unsigned number_;
  std::vector<Mailbox>& mailboxes_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Churns, checks, and prints resident memory over live bytes as JSON lines.");
  double seconds = 60, interval = 10;
  unsigned threads = 4;
  size_t megabytes = 256;
  app.add_option("--seconds", seconds, "how long")->check(CLI::PositiveNumber);
  app.add_option("--interval", interval, "seconds between lines")->check(CLI::PositiveNumber);
  app.add_option("--threads", threads, "threads")->check(CLI::Range(1, 256));
  app.add_option("--megabytes", megabytes, "live at most, all threads together, in MiB")
      ->check(CLI::Range(1, 1 << 20));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  Dl_info information;
  void* function = dlsym(RTLD_DEFAULT, "malloc");
  const bool known = function != nullptr && dladdr(function, &information) != 0;
  const std::string allocator = known ? information.dli_fname : "unknown";

  std::vector<Mailbox> mailboxes(threads);
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<std::thread> running;
  const size_t share = (megabytes << 20) / threads;
  const auto start = Clock::now();
  for (unsigned number = 0; number < threads; ++number) {
    workers.push_back(std::make_unique<Worker>(number, share, mailboxes));
    running.emplace_back([&worker = *workers.back(), start] { worker.run(start); });
  }
  for (double next = interval; next <= seconds; next += interval) {
    std::this_thread::sleep_until(
        start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(next)));
    const auto live = static_cast<double>(live_bytes.load(std::memory_order_relaxed));
    const auto rss = static_cast<double>(process_memory().rss_kib) * 1024;
    std::cout << nlohmann::ordered_json{{"allocator", allocator},
                                        {"seconds", next},
                                        {"live_mib", live / (1 << 20)},
                                        {"rss_mib", rss / (1 << 20)},
                                        {"fragmentation", rss / live},
                                        {"operations", operations.load()}}
                     .dump()
              << std::endl;
  }
  stop = true;
  for (std::thread& thread : running) thread.join();
  return 0;
}
