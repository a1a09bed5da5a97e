// Owns: the order of start-up and the hooks into threads, fork and exit.
// Called by: see life_cycle.h.
// Never: a hook registered twice; never a module loaded outside the constructor.
#include "frontend/life_cycle.h"

#include <errno.h>
#include <pthread.h>

#include "backend/linux/linux_backend.h"
#include "backend/linux/purge_ladder.h"
#include "base/environment.h"
#include "frontend/background.h"
#include "frontend/checks.h"
#include "frontend/configuration.h"
#include "frontend/direct_maps.h"
#include "frontend/guard_fault.h"
#include "frontend/handshake.h"
#include "frontend/huge_pages.h"
#include "frontend/modules.h"
#include "frontend/safe_point.h"
#include "frontend/statistics_print.h"
#include "frontend/upkeep.h"
#include "frontend/uring.h"
#include "heap/heap.h"
#include "heap/heap_registry.h"
#include "heap/page_heap.h"
#include "policy/call_sites.h"
#include "policy/knobs.h"

namespace hakmem {
namespace {

constinit bool started = false;
constinit bool exit_key_made = false;
constinit pthread_key_t exit_key;
constinit const PageHeap::Outlook kOutlook{.wanted = call_site_wants,
                                           .given_up = call_site_gave_up};

void apply_to_knobs(const Configuration& settings) {
  if (!settings.has(Feature::bigcache)) {
    knobs.retained_limit.store(0, std::memory_order_relaxed);
    knobs.thread_cache_limit.store(0, std::memory_order_relaxed);
  } else if (settings.free_policy == FreePolicy::keep) {
    knobs.retained_limit.store(SIZE_MAX, std::memory_order_relaxed);
  }
  prepare_huge_pages(settings);
  if (!settings.has(Feature::batch)) {
    knobs.purge_batch.store(1, std::memory_order_relaxed);
    knobs.populate_slabs_from.store(SIZE_MAX, std::memory_order_relaxed);
  }
}

PurgeRung first_purge_rung(const Configuration& settings) {
  switch (settings.purge) {
    case PurgeMethod::automatic:
    case PurgeMethod::process_madvise:
    case PurgeMethod::uring:
      return PurgeRung::kProcessMadvise;
    case PurgeMethod::madvise:
      return PurgeRung::kMadvise;
    case PurgeMethod::off:
      return PurgeRung::kNone;
  }
  return PurgeRung::kMadvise;
}

__thread bool ending __attribute__((tls_model("initial-exec"))) = false;

void on_thread_exit(void*) {
  ending = true;
  abandon_thread_heap();
}

// Nobody else can be inside the heap, nothing of ours runs on its own, and there is no memory to
// speak of that a child would share.
bool forks_alone() {
  constexpr size_t kSmall = size_t{32} << 20;
  return process_has_one_thread() && !modules_are_wanted() && !checks_are_on() &&
         page_heap.demand().peak().bytes() < kSmall;
}

__thread bool forking_alone __attribute__((tls_model("initial-exec"))) = false;

// Locks are taken in the order of their ranks. Those that this configuration never takes are left
// alone, and in a small process without threads all of them: each page written around a fork is
// copied, in the parent and in the child. Ours are the last handlers before the fork and the first
// after it.
void before_fork() {
  close_safe_points(true);
  forking_alone = forks_alone();
  if (forking_alone) return;
  if (checks_are_on()) checks_before_fork();
  heap_before_fork();
  if (configuration().has(Feature::mmap)) direct_maps_before_fork();
  if (modules_are_wanted()) uring_before_fork();
}

void after_fork_in_parent() {
  if (!forking_alone) {
    if (modules_are_wanted()) uring_after_fork_in_parent();
    if (configuration().has(Feature::mmap)) direct_maps_after_fork_in_parent();
    heap_after_fork_in_parent();
    if (checks_are_on()) checks_after_fork_in_parent();
    if (!configuration().is(Feature::thp, "on")) page_heap.pause_promotion();
  }
  close_safe_points(false);
}

void after_fork_in_child() {
  if (!forking_alone) {
    if (modules_are_wanted()) uring_after_fork_in_child();
    if (configuration().has(Feature::mmap)) direct_maps_after_fork_in_child();
    heap_after_fork_in_child();
    background_after_fork_in_child();
    if (checks_are_on()) checks_after_fork_in_child();
  }
  close_safe_points(false);
}

// The first constructor of the process (-z initfirst): handlers that other libraries register for
// fork then run around ours, with their locks taken before ours. glibc gives constructors main's
// arguments; environ is not set yet.
__attribute__((constructor)) void construct(int, char**, char** environment) {
  const int saved = errno;
  provide_environment(environment);
  start_up();
  exit_key_made = pthread_key_create(&exit_key, on_thread_exit) == 0;
  if (thread_heap() != &kNoHeap) arm_thread_exit();
  if (checks_are_on()) watch_guards();
  if (modules_are_wanted()) {
    defer(Deferred::kModules);
  } else if (configuration().verbose) {
    print_configuration(2);
  }
  pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
  greet_launcher();
  errno = saved;
}

__attribute__((destructor)) void destruct() {
  // A double free that other threads sent us shows here at the latest.
  if (thread_heap() != &kNoHeap) thread_heap()->settle_remote_frees();
  if (checks_are_on()) check_all_blocks({"exit", nullptr});
  if (configuration().has(Feature::statistics)) print_statistics_at_exit();
}

}  // namespace

void start_up() {
  if (started) return;
  page_heap.set_backend(kLinuxBackend);
  // IFUNC resolvers run before libc knows the environment: the defaults serve them.
  if (!environment_is_readable()) return;
  started = true;
  parse_configuration();
  apply_to_knobs(configuration());
  start_purging_at(first_purge_rung(configuration()));
  prepare_upkeep();
  if (configuration().has(Feature::bigcache)) page_heap.set_outlook(kOutlook);
  prepare_background();
}

bool thread_is_ending() {
  return ending;
}

void arm_thread_exit() {
  // A key of 32 or more allocates here: the thread's heap is in place by now.
  if (exit_key_made) pthread_setspecific(exit_key, &exit_key);
}

}  // namespace hakmem
