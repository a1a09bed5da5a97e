// Owns: the wiring of libhakmem-uring.so.
// Called by: see modules.h.
// Never: waiting for the loader's lock while other threads run: they may hold it and wait for us.
#include "control/modules.h"

#include "backend/linux/guest/process_limits.h"
#include "backend/linux/memory/purge_ladder.h"
#include "control/uring.h"
#include "settings/configuration.h"

namespace hakmem {

bool modules_are_wanted() {
  const Configuration& settings = configuration();
  if (settings.purge == PurgeMethod::uring) return true;
  return settings.purge == PurgeMethod::automatic && settings.is(Feature::background, "uring");
}

void load_modules() {
  if (process_threads() != 1 || !load_uring()) return;
  set_ring_purge(purge_by_uring);
  start_purging_at(PurgeRung::kRing);
}

}  // namespace hakmem
