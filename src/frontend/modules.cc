// Owns: the wiring of libhakmem-uring.so.
// Called by: see modules.h.
// Never: waiting for the loader's lock while other threads run: they may hold it and wait for us.
#include "frontend/modules.h"

#include "backend/linux/guest/process_limits.h"
#include "backend/linux/memory/purge_ladder.h"
#include "frontend/background.h"
#include "frontend/configuration.h"
#include "frontend/uring.h"
#include "heap/page_heap.h"

namespace hakmem {

namespace {

void load_wanted() {
  if (process_threads() != 1 || !load_uring()) return;
  if (configuration().purge == PurgeMethod::uring) {
    set_ring_purge(purge_by_uring);
    start_purging_at(PurgeRung::kRing);
  }
  if (configuration().is(Feature::background, "uring")) page_heap.set_deadlines(kUringDeadlines);
}

}  // namespace

bool modules_are_wanted() {
  const Configuration& settings = configuration();
  return settings.purge == PurgeMethod::uring || settings.is(Feature::background, "uring");
}

void load_modules() {
  load_wanted();
  if (configuration().verbose) print_configuration(2);
}

}  // namespace hakmem
