// Owns: a large block that one place in a program needs again and again, with pauses.
// Called by: the table in scenarios.cc.
// Never: the pauses inside the time; a page left unwritten.
#include <atomic>
#include <chrono>
#include <thread>

#include "large_memory.h"
#include "process_memory.h"
#include "workload.h"

namespace {

constexpr int kStepsOfPause = 60;
constexpr std::chrono::milliseconds kStep{10};
constexpr size_t kSmallWork = 100'000;

// What has to learn when the block comes back may take so many visits to.
constexpr uint64_t kVisitsToLearn = 3;

template <class Allocator>
void pause() {
  for (int step = 0; step < kStepsOfPause; ++step) {
    std::this_thread::sleep_for(kStep);
    void* block = Allocator::allocate(kSmallWork);
    write_every_page(block, kSmallWork);
    Allocator::release(block);
  }
}

}  // namespace

// A block of --mebibytes every 600 ms, each page written and the block freed; in between small
// work.
Outcome revisit(const Request& request) {
  const size_t size = request.mebibytes * kMiB / request.threads;
  std::atomic<uint64_t> visiting_ns{0};
  Outcome outcome = repeat(request, 1, [&]<class Allocator>(unsigned, uint64_t visits) {
    for (uint64_t visit = 0; visit < visits + kVisitsToLearn; ++visit) {
      const double start = now_ns();
      void* block = Allocator::allocate(size);
      write_every_page(block, size);
      Allocator::release(block);
      if (visit >= kVisitsToLearn) visiting_ns += static_cast<uint64_t>(now_ns() - start);
      pause<Allocator>();
    }
  });
  const double mebibytes = static_cast<double>(size) / kMiB;
  outcome.ns = static_cast<double>(visiting_ns) /
               (mebibytes * static_cast<double>(request.iterations * request.threads));
  outcome.numbers.emplace_back("pausing_rss_kib", static_cast<double>(resident_kib()));
  return outcome;
}
