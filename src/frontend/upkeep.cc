// Owns: the estimates, the price, the sources of pressure.
// Called by: see upkeep.h.
// Never: two ticks at once.
#include "frontend/upkeep.h"

#include <algorithm>
#include <atomic>

#include "backend/linux/background_thread.h"
#include "backend/linux/process_limits.h"
#include "base/units.h"
#include "frontend/checks.h"
#include "frontend/configuration.h"
#include "frontend/life_cycle.h"
#include "heap/heap.h"
#include "heap/heap_registry.h"
#include "heap/page_heap.h"
#include "policy/hold_times.h"
#include "policy/knobs.h"
#include "telemetry/counters.h"

namespace hakmem {
namespace {

constexpr uint64_t kTick = 100'000'000;  // nanoseconds
constexpr uint64_t kTickNearLimit = 5'000'000;

// Finding the limits of a process takes 0.15 ms and a descriptor: not for one that stays small. The
// first touch of so much takes twenty times as long.
constexpr size_t kWorthWatching = size_t{16} << 20;

constinit size_t retained_limit = 0;  // bytes, as configured
constinit CostEstimates costs;
constinit MemoryPrice price{costs};
alignas(kApart) constinit PressureSources sources;
constinit bool sources_found = false;
constinit std::atomic<size_t> limit_bytes{SIZE_MAX};
constinit std::atomic<size_t> headroom_bytes{SIZE_MAX};
constinit std::atomic<uint64_t> next_tick{0};
constinit std::atomic<bool> ticking{false};

// What a pair of counters rose by since the last look.
struct Measured {
  const std::atomic<uint64_t>& bytes;
  const std::atomic<uint64_t>& nanoseconds;
  uint64_t bytes_seen = 0;
  uint64_t nanoseconds_seen = 0;

  struct Rise {
    uint64_t bytes;
    uint64_t nanoseconds;
  };
  Rise take() {
    const uint64_t now_bytes = bytes.load(std::memory_order_relaxed);
    const uint64_t now_nanoseconds = nanoseconds.load(std::memory_order_relaxed);
    const Rise rise{now_bytes - bytes_seen, now_nanoseconds - nanoseconds_seen};
    bytes_seen = now_bytes;
    nanoseconds_seen = now_nanoseconds;
    return rise;
  }
};

constinit Measured purges{counters.purged_bytes, counters.purge_nanoseconds};
constinit Measured huge_purges{counters.huge_purged_bytes, counters.huge_purge_nanoseconds};
constinit Measured small_touches{counters.small_touched_bytes, counters.small_touch_nanoseconds};
constinit Measured huge_touches{counters.huge_touched_bytes, counters.huge_touch_nanoseconds};

void learn_costs() {
  const Measured::Rise all = purges.take();
  const Measured::Rise huge = huge_purges.take();
  costs.record_purge(MemoryKind::kHugePage, huge.bytes, huge.nanoseconds);
  // Counted one after the other, the whole may lag behind its part.
  if (all.bytes > huge.bytes && all.nanoseconds > huge.nanoseconds) {
    costs.record_purge(MemoryKind::kSmallPages, all.bytes - huge.bytes,
                       all.nanoseconds - huge.nanoseconds);
  }
  const Measured::Rise small_touch = small_touches.take();
  costs.record_fault(MemoryKind::kSmallPages, small_touch.bytes, small_touch.nanoseconds);
  const Measured::Rise huge_touch = huge_touches.take();
  costs.record_fault(MemoryKind::kHugePage, huge_touch.bytes, huge_touch.nanoseconds);
}

// Half of what is left below a limit may be kept free; near it nothing is.
void respect(const PressureReading& reading) {
  limit_bytes.store(reading.limit_bytes, std::memory_order_relaxed);
  headroom_bytes.store(reading.headroom_bytes, std::memory_order_relaxed);
  if (reading.stalled) count(counters.stalls);
  knobs.retained_limit.store(std::min(retained_limit, reading.headroom_bytes / 2),
                             std::memory_order_relaxed);
  price.set_pressure(price_percent(reading));
  if (purge_now(reading)) heap_give_back();
}

size_t as_knob(uint64_t hold) {
  return hold == kForever ? 0 : std::max(hold / kMillisecond, uint64_t{1});
}

void decide_hold_times() {
  const HoldTimes hold = hold_times(price);
  for (size_t kind = 0; kind < kMemoryKinds; ++kind) {
    for (size_t band = 0; band < kSizeBands; ++band) {
      knobs.hold[kind][band].store(as_knob(hold[kind][band]), std::memory_order_relaxed);
    }
  }
}

bool is_tight(const PressureReading& reading) {
  return reading.headroom_bytes < reading.limit_bytes / 4;
}

// The legacy policies are presets: memory that costs nothing, or more than any fault.
uint64_t price_of(const Configuration& settings) {
  switch (settings.free_policy) {
    case FreePolicy::keep:
      return 0;
    case FreePolicy::batch:
      return UINT64_MAX;
    case FreePolicy::adaptive:
      return settings.memory_price;
  }
  return settings.memory_price;
}

// A file that is opened takes a number which another thread of the program may count on, and which
// a child may inherit.
bool may_open_files() {
  return has_own_descriptors() || process_has_one_thread() ||
         (!checks_are_on() && threads_with_heap() <= 1);
}

bool is_watched() {
  const Configuration& settings = configuration();
  if (!settings.has(Feature::pressure)) return false;
  return settings.limit != SIZE_MAX || page_heap.demand().peak().bytes() >= kWorthWatching;
}

PressureReading read_files() {
  if (has_own_descriptors()) refresh_commit_charge();
  if (!sources_found) {
    find_pressure_sources(sources, configuration().limit, {});
    sources_found = true;
  }
  return read_pressure(sources, has_own_descriptors());
}

// Where no thread of ours reads: of HAKMEM_LIMIT alone, by what the heap has.
PressureReading estimate_without_files() {
  const MemoryShare process{.limit_bytes = configuration().limit,
                            .used_bytes = page_heap.backed_bytes()};
  return {.limit_bytes = process.limit_bytes,
          .used_bytes = process.used_bytes,
          .headroom_bytes = process.headroom_bytes(),
          .stalled = false};
}

// Returns the nanoseconds until the next one.
uint64_t tick() {
  learn_costs();
  uint64_t pause = kTick;
  if (is_watched()) {
    const PressureReading reading = may_open_files() ? read_files() : estimate_without_files();
    respect(reading);
    if (is_tight(reading)) pause = kTickNearLimit;
  }
  decide_hold_times();
  return pause;
}

}  // namespace

void prepare_upkeep() {
  const Configuration& settings = configuration();
  retained_limit = read_knob(knobs.retained_limit);
  if (!settings.has(Feature::bigcache)) return;
  price.set_base(price_of(settings));
  decide_hold_times();
}

bool upkeep_is_due() {
  return page_heap.backend().coarse_time() >= next_tick.load(std::memory_order_relaxed);
}

void upkeep() {
  if (!upkeep_is_due()) return;
  const uint64_t now = page_heap.backend().coarse_time();
  if (ticking.exchange(true, std::memory_order_acquire)) return;
  next_tick.store(now + tick(), std::memory_order_relaxed);
  ticking.store(false, std::memory_order_release);
}

// The thread that was in it is not in the child.
void upkeep_after_fork_in_child() {
  ticking.store(false, std::memory_order_relaxed);
}

void forget_pressure_trigger() {
  sources.stall.forget();
}

const CostEstimates& cost_estimates() {
  return costs;
}

const MemoryPrice& memory_price() {
  return price;
}

NearestLimit nearest_limit() {
  return {.bytes = limit_bytes.load(std::memory_order_relaxed),
          .headroom = headroom_bytes.load(std::memory_order_relaxed)};
}

}  // namespace hakmem
