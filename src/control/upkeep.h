// Owns: the slow tick: what the counters measured goes to the policy, what it answers to the knobs.
// Called by: background.cc, by the background thread or by whoever frees; statistics.
// Never: an allocation; waiting for a tick that another thread is in.
#pragma once

#include "backend/linux/guest/pressure.h"
#include "policy/retention/cost_estimates.h"
#include "policy/retention/memory_price.h"

namespace hakmem {

// Takes the price and the limit of the configuration.
void prepare_upkeep();

// At start-up, for it reads files.
void find_limits();

// Costs 10 ns unless a tick is due: every tenth of a second, more often near a limit.
void upkeep();

bool upkeep_is_due();
void upkeep_after_fork_in_child();
// Our thread is new, and its table of descriptors empty.
void forget_pressure_trigger();

// What decisions rest on. From any thread.
const CostEstimates& cost_estimates();
const MemoryPrice& memory_price();

// The limit that was nearest at the last look, and what was left below it; SIZE_MAX without one.
struct NearestLimit {
  size_t bytes;
  size_t headroom;
};
NearestLimit nearest_limit();

}  // namespace hakmem
