// Owns: a server's cache that is filled, emptied but for a few entries, and then left alone: what
// stays resident.
// Called by: bench/demo, which looks at the process from outside.
// Never: a call of the allocator between the last free and the end of the sleep.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <barrier>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <thread>
#include <vector>

#include "contestant.h"
#include "workload.h"

namespace {

struct Cache {
  std::vector<void*> entries;

  void fill(uint64_t seed, size_t bytes) {
    Random random(seed);
    for (size_t used = 0; used < bytes;) {
      const size_t size = log_uniform(random, 32, 11);  // to 64 KiB
      entries.push_back(std::malloc(size));
      std::memset(entries.back(), 1, size);
      used += size;
    }
  }

  void empty(size_t one_stays_of) {
    for (size_t index = 0; index < entries.size(); ++index) {
      if (index % one_stays_of != 0) std::free(entries[index]);
    }
  }
};

// For who reads along; by write, which needs no buffer.
void tell(const std::string& line) {
  static_cast<void>(!write(STDOUT_FILENO, line.data(), line.size()));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Two threads fill a cache, empty it but for a few entries, and sleep.");
  size_t mebibytes = 1024;
  size_t one_stays_of = 1000;
  double seconds = 2;
  app.add_option("--mebibytes", mebibytes, "of entries")->check(CLI::Range(1, 1 << 20));
  app.add_option("--one-stays-of", one_stays_of, "entries")->check(CLI::PositiveNumber);
  app.add_option("--seconds", seconds, "asleep")->check(CLI::PositiveNumber);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  tell(allocator_in_use() + "\n");
  const std::string full = "full\n";
  const std::string emptied = "emptied\n";
  const auto asleep = std::chrono::duration<double>(seconds);
  const auto pause = std::chrono::milliseconds(300);
  constexpr int kThreads = 2;
  std::barrier all(kThreads + 1);
  std::vector<std::thread> threads;
  for (int index = 0; index < kThreads; ++index) {
    threads.emplace_back([&, index] {
      Cache cache;
      cache.fill(static_cast<uint64_t>(index) + 1, mebibytes * kMiB / kThreads);
      all.arrive_and_wait();
      std::this_thread::sleep_for(pause);
      cache.empty(one_stays_of);
      all.arrive_and_wait();
      std::this_thread::sleep_for(asleep);
    });
  }
  all.arrive_and_wait();
  tell(full);
  all.arrive_and_wait();
  tell(emptied);
  std::this_thread::sleep_for(asleep);
  std::_Exit(0);
}
