// Owns: the order of start-up and the hooks into threads, fork and exit.
// Called by: see life_cycle.h.
// Never: a hook registered twice.
#include "frontend/start/life_cycle.h"

#include <errno.h>
#include <pthread.h>

#include "backend/linux/guest/process_limits.h"
#include "backend/linux/guest/process_madvise.h"
#include "backend/linux/guest/process_status.h"
#include "backend/linux/memory/linux_backend.h"
#include "backend/linux/memory/process_facts.h"
#include "backend/linux/memory/process_page.h"
#include "backend/linux/memory/purge_ladder.h"
#include "base/environment.h"
#include "base/exit_rounds.h"
#include "base/lock.h"
#include "control/background.h"
#include "control/huge_pages.h"
#include "control/modules.h"
#include "control/safe_point.h"
#include "control/upkeep.h"
#include "frontend/checks/checks.h"
#include "frontend/checks/guard_fault.h"
#include "frontend/dispatch/direct_maps.h"
#include "frontend/dispatch/libc_names.h"
#include "frontend/report/statistics_print.h"
#include "frontend/start/handshake.h"
#include "heap/heap.h"
#include "heap/pages/page_heap.h"
#include "heap/threads/heap_mending.h"
#include "heap/threads/heap_registry.h"
#include "policy/knobs.h"
#include "policy/retention/call_sites.h"
#include "settings/configuration.h"

// Since glibc 2.32.
extern "C" __attribute__((weak)) char __libc_single_threaded;

namespace hakmem {
namespace {

constinit bool has_backend = false;
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
    case PurgeMethod::madvise:
      return PurgeRung::kMadvise;
    case PurgeMethod::process_madvise:
    case PurgeMethod::uring:
      return PurgeRung::kProcessMadvise;
    case PurgeMethod::off:
      return PurgeRung::kNone;
  }
  return PurgeRung::kMadvise;
}

void give_up_heap() {
  abandon_thread_heap();
  background_after_thread_exit();
}

void on_thread_exit(void*) {
  give_up_heap();
  if (begin_exit_round()) arm_thread_exit();
}

__thread bool forking_alone __attribute__((tls_model("initial-exec"))) = false;

// No lock is taken, see base/lock.h. Ours are the last handlers before the fork and the first after
// it.
void before_fork() {
  forking_alone = process_has_one_thread();
  close_safe_points(true);
}

void after_fork_in_parent() {
  // A small process has no huge pages.
  constexpr size_t kSmall = size_t{32} << 20;
  if (page_heap.demand().peak().bytes() >= kSmall && !configuration().is(Feature::thp, "on")) {
    page_heap.keep_unsettled();
    page_heap.pause_promotion();
  }
  close_safe_points(false);
}

void set_up_child() {
  heap_after_fork_in_child();
  direct_maps_after_fork_in_child();
  if (checks_are_on()) checks_after_fork_in_child();
  libc_names_after_fork_in_child();
  background_after_fork_in_child();
  upkeep_after_fork_in_child();
  mark_process_as_set_up();
}

// The copy of a process of one thread is whole.
void after_fork_in_child() {
  if (!forking_alone) set_up_child();
  mark_process_as_set_up();
  close_safe_points(false);
}

// The thread may be changing its own heap: of that nothing is touched. A child that has made
// threads by now has live ones where it seems to have lost some.
void set_up_child_without_handlers() {
  if (make_process_page() == nullptr || !is_child_without_handlers()) return;
  if (other_threads_were_given_heaps()) {
    mark_process_as_set_up();
  } else {
    set_up_child();
  }
}

// The first constructor of the process (-z initfirst): handlers that other libraries register for
// fork then run around ours, with their locks taken before ours. glibc gives constructors main's
// arguments; environ is not set yet.
__attribute__((constructor)) void construct(int, char**, char** environment) {
  const int saved = errno;
  provide_environment(environment);
  start_up();
  refresh_commit_charge();
  if (process_status_at_start().has_filter) confine();
  find_limits();
  exit_key_made = pthread_key_create(&exit_key, on_thread_exit) == 0;
  if (thread_heap() != &kNoHeap) arm_thread_exit();
  if (checks_are_on()) watch_guards();
  if (modules_are_wanted() && !process_status_at_start().has_filter) load_modules();
  if (configuration().verbose) print_configuration(2);
  set_before_waiting(set_up_child_without_handlers);
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
  if (!has_backend) {
    has_backend = true;
    read_memory_limits();
    page_heap.set_backend(kLinuxBackend);
  }
  // IFUNC resolvers run before libc knows the environment: the defaults serve them.
  if (!environment_is_readable()) return;
  started = true;
  parse_configuration(process_facts.physical_bytes.load(std::memory_order_relaxed));
  apply_to_knobs(configuration());
  set_vector_purge(purge_by_process_madvise);
  start_purging_at(first_purge_rung(configuration()));
  prepare_upkeep();
  if (configuration().has(Feature::bigcache)) page_heap.set_outlook(kOutlook);
  prepare_background();
}

bool process_has_one_thread() {
  return &__libc_single_threaded != nullptr && __libc_single_threaded != 0;
}

void give_up_borrowed_heap() {
  give_up_heap();
}

void arm_thread_exit() {
  // A key of 32 or more allocates here: the thread's heap is in place by now.
  if (exit_key_made) pthread_setspecific(exit_key, &exit_key);
}

}  // namespace hakmem
