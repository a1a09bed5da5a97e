// Owns: see workload.h.
// Called by: see workload.h.
// Never: see workload.h.
#include "workload.h"

#include <time.h>

#include <barrier>
#include <thread>
#include <vector>

double now_ns() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

double ticks_per_ns() {
  const double start = now_ns();
  const uint64_t first = ticks();
  while (now_ns() - start < 2e7) {
  }
  return static_cast<double>(ticks() - first) / (now_ns() - start);
}

double timed(const Request& request, const std::function<void(unsigned)>& prepare,
             const std::function<void(unsigned)>& body) {
  if (request.threads == 1) {
    prepare(0);
    const double start = now_ns();
    body(0);
    return now_ns() - start;
  }
  std::barrier gate(static_cast<std::ptrdiff_t>(request.threads));
  std::vector<std::thread> others;
  for (unsigned thread = 1; thread < request.threads; ++thread) {
    others.emplace_back([&, thread] {
      prepare(thread);
      gate.arrive_and_wait();
      body(thread);
    });
  }
  prepare(0);
  gate.arrive_and_wait();
  const double start = now_ns();
  body(0);
  for (std::thread& other : others) other.join();
  return now_ns() - start;
}

void prepare_nothing() {
  void* buffer = std::malloc(kNothingBytes);
  write_every_page(buffer, kNothingBytes);
  nothing_prepare(buffer);
}
