// Owns: the choice between the background thread and inline purging.
// Called by: see background.h; hand_over by the page heap after frees and growth.
// Never: more than some memory above the limit left to a thread that may wait for a CPU.
#include "frontend/background.h"

#include <algorithm>
#include <atomic>

#include "backend/linux/background_thread.h"
#include "frontend/configuration.h"
#include "frontend/huge_pages.h"
#include "frontend/safe_point.h"
#include "frontend/upkeep.h"
#include "frontend/uring.h"
#include "heap/extent.h"
#include "heap/heap.h"
#include "heap/page_heap.h"
#include "policy/knobs.h"

// Since glibc 2.32; without it no program is known to have threads.
extern "C" __attribute__((weak)) char __libc_single_threaded;

namespace hakmem {
namespace {

// Above the limit; then the thread that frees helps.
constexpr size_t kMostLeftToThread = size_t{16} << 20;
// Of less in use a thread cannot give back much.
constexpr size_t kWorthAThread = size_t{4} << 20;

constinit std::atomic<bool> allowed{false};
constinit bool only_with_threads = true;
constinit std::atomic<bool> lending{false};

bool wants_ring() {
  return configuration().is(Feature::background, "uring");
}

// unshare(CLONE_NEWUSER) and its like fail in a process of several threads: a program that has one
// is left with one. Where a ring was asked for and is not to be had, the thread takes its place.
bool may_have_thread() {
  if (!allowed.load(std::memory_order_relaxed)) return false;
  if (wants_ring() && is_deferred(Deferred::kModules)) return false;
  // The thread that polls a ring whose descriptor is lost stays in the process.
  const bool had_ring = page_heap.has_deadlines();
  return !only_with_threads || had_ring || process_has_threads();
}

bool ring_lends() {
  return page_heap.has_deadlines() && ring_serves();
}

// In place of the thread: the kernel, at a deadline. What threads keep for themselves is lent too.
bool lend(PageHeap::Notice notice) {
  upkeep();
  if (notice == PageHeap::Notice::kGrowth) return true;
  // Dropping extents comes back here.
  if (lending.exchange(true, std::memory_order_acquire)) return true;
  drop_all_caches();
  page_heap.maintain();
  const uint64_t hold = read_hold(MemoryKind::kSmallPages);
  if (hold != 0) page_heap.lend(hold * kMillisecond);
  lending.store(false, std::memory_order_release);
  return true;
}

bool hand_over(PageHeap::Notice notice, Slices excess) {
  if (ring_lends()) return lend(notice);
  if (!background_thread_is_running()) {
    if (may_have_thread() && page_heap.demand().peak().bytes() >= kWorthAThread) {
      defer(Deferred::kThread);
    }
    upkeep();
    return false;
  }
  switch (notice) {
    case PageHeap::Notice::kGrowth:
      // The thread may sleep until it is woken, which costs more than a look at the limits.
      upkeep();
      if (has_grown_since_collapse()) rouse_background_thread();
      return true;
    case PageHeap::Notice::kIdle:
      rouse_background_thread();
      return true;
    case PageHeap::Notice::kExcess:
      wake_background_thread();
      return excess.bytes() <= kMostLeftToThread;
  }
  return false;
}

uint64_t sooner(uint64_t one, uint64_t other) {
  return one == 0 || other == 0 ? std::max(one, other) : std::min(one, other);
}

uint64_t work() {
  upkeep();
  const uint64_t until_purge = heap_maintain();
  return sooner(until_purge, collapse_settled_memory());
}

}  // namespace

void prepare_background() {
  const Configuration& settings = configuration();
  allowed.store(settings.has(Feature::background), std::memory_order_relaxed);
  only_with_threads = !settings.is(Feature::background, "thread");
  // Where nothing is kept there is nothing to hand over.
  if (settings.has(Feature::bigcache)) page_heap.set_helper(hand_over);
}

void make_background_thread() {
  // A program that has no room for a thread is not asked again and again.
  if (!start_background_thread(work) && !background_thread_is_running()) {
    allowed.store(false, std::memory_order_relaxed);
  }
}

// The thread that was lending is not in the child.
void background_after_fork_in_child() {
  lending.store(false, std::memory_order_relaxed);
}

bool process_has_threads() {
  return &__libc_single_threaded != nullptr && __libc_single_threaded == 0;
}

bool process_has_one_thread() {
  return &__libc_single_threaded != nullptr && __libc_single_threaded != 0;
}

const char* background_in_use() {
  if (ring_lends()) return "uring";
  return background_thread_is_running() ? "thread" : "none";
}

}  // namespace hakmem
