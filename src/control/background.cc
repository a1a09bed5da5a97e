// Owns: the choice between the background thread and inline purging.
// Called by: see background.h; hand_over by the page heap after frees and growth.
// Never: more than some memory above the limit left to a thread that may wait for a CPU; a thread
// of ours in a program that has one thread, unless it was asked for.
#include "control/background.h"

#include <algorithm>
#include <atomic>

#include "backend/linux/guest/background_thread.h"
#include "backend/linux/guest/confinement.h"
#include "backend/linux/memory/purge_ladder.h"
#include "base/exit_rounds.h"
#include "control/huge_pages.h"
#include "control/safe_point.h"
#include "control/upkeep.h"
#include "control/uring.h"
#include "heap/heap.h"
#include "heap/pages/page_heap.h"
#include "heap/threads/heap_registry.h"
#include "settings/configuration.h"

namespace hakmem {
namespace {

// Above the limit; then the thread that frees helps.
constexpr size_t kMostLeftToThread = size_t{16} << 20;
// Of less in use a thread cannot give back much.
constexpr size_t kWorthAThread = size_t{4} << 20;

constinit std::atomic<bool> allowed{false};
constinit std::atomic<bool> confined{false};

// unshare(CLONE_NEWUSER) and its like fail in a process of several threads, and one ends when its
// last thread does: ours is there only while the program has threads itself.
constinit uint32_t least_threads = 2;

bool program_has_enough_threads() {
  return threads_with_heap() >= least_threads;
}

bool may_have_thread() {
  return allowed.load(std::memory_order_relaxed) && program_has_enough_threads();
}

bool hand_over(PageHeap::Notice notice, Slices excess) {
  if (!background_thread_is_running()) {
    if (may_have_thread() && page_heap.demand().peak().bytes() >= kWorthAThread) {
      defer_thread();
    }
    upkeep();
    return false;
  }
  switch (notice) {
    case PageHeap::Notice::kGrowth:
      // It has the files to look at.
      if (upkeep_is_due()) {
        wake_background_thread();
      } else if (has_grown_since_collapse()) {
        rouse_background_thread();
      }
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

void begin_work() {
  never_give_a_heap();
  watch_confinement();
  forget_ring();
  forget_pressure_trigger();
}

uint64_t work() {
  if (was_confined()) {
    allowed.store(false, std::memory_order_relaxed);
    return kEndOfThread;
  }
  upkeep();
  const uint64_t until_purge = heap_maintain();
  end_ring();
  return sooner(until_purge, collapse_settled_memory());
}

void announce_sleep(bool until_woken) {
  page_heap.set_watched(until_woken);
}

constexpr BackgroundWork kWork{.begin = begin_work, .step = work, .sleeping = announce_sleep};

}  // namespace

void prepare_background() {
  const Configuration& settings = configuration();
  allowed.store(settings.has(Feature::background), std::memory_order_relaxed);
  if (settings.is(Feature::background, "thread") || settings.is(Feature::background, "uring")) {
    least_threads = 1;
  }
  // Where nothing is kept there is nothing to hand over.
  if (settings.has(Feature::bigcache)) page_heap.set_helper(hand_over);
}

bool is_confined() {
  return confined.load(std::memory_order_relaxed);
}

void confine() {
  confined.store(true, std::memory_order_relaxed);
  purge_by_madvise_at_most();
  allowed.store(false, std::memory_order_seq_cst);
  stop_background_thread();
}

void make_background_thread() {
  if (!may_have_thread() || thread_has_no_exit_left()) return;
  // A program that has no room for a thread is not asked again and again.
  if (start_background_thread(kWork) == StartOfThread::kRefused) {
    allowed.store(false, std::memory_order_relaxed);
  }
  // The others may have ended meanwhile, or a filter is about to be installed.
  if (!may_have_thread()) stop_background_thread();
}

void background_after_thread_exit() {
  if (!program_has_enough_threads()) stop_background_thread();
}

// The thread that slept is not in the child.
void background_after_fork_in_child() {
  page_heap.set_watched(false);
}

const char* background_in_use() {
  if (!background_thread_is_running()) return "none";
  return purge_rung() == PurgeRung::kRing ? "uring" : "thread";
}

}  // namespace hakmem
