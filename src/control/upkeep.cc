// Owns: the estimates, the price, the sources of pressure.
// Called by: see upkeep.h.
// Never: two ticks at once.
#include "control/upkeep.h"

#include <algorithm>
#include <atomic>

#include "backend/linux/guest/background_thread.h"
#include "backend/linux/guest/process_limits.h"
#include "backend/linux/memory/own_descriptors.h"
#include "base/units.h"
#include "heap/blocks/extent.h"
#include "heap/heap.h"
#include "heap/pages/page_heap.h"
#include "heap/threads/heap_registry.h"
#include "policy/knobs.h"
#include "policy/retention/hold_times.h"
#include "settings/configuration.h"
#include "telemetry/counters.h"

namespace hakmem {
namespace {

constexpr uint64_t kTick = 100'000'000;  // nanoseconds
constexpr uint64_t kTickNearLimit = 5'000'000;

constinit size_t retained_limit = 0;  // bytes, as configured
constinit CostEstimates costs;
constinit MemoryPrice price{costs};
alignas(kApart) constinit PressureSources sources;
// What the files last said, and what the heap had by then.
constinit PressureReading last_reading;
constinit size_t backed_at_reading = 0;
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

bool is_tight(const PressureReading& reading) {
  return reading.headroom_bytes < reading.limit_bytes / 4;
}

// Half of what is left below a limit may be kept free; near it nothing is.
void respect(const PressureReading& reading) {
  limit_bytes.store(reading.limit_bytes, std::memory_order_relaxed);
  headroom_bytes.store(reading.headroom_bytes, std::memory_order_relaxed);
  if (reading.stalled) count(counters.stalls);
  knobs.retained_limit.store(std::min(retained_limit, reading.headroom_bytes / 2),
                             std::memory_order_relaxed);
  knobs.pack_slabs.store(is_tight(reading) ? 1 : 0, std::memory_order_relaxed);
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

const PressureReading& read_files(bool may_hold) {
  backed_at_reading = page_heap.backed_bytes();
  last_reading = read_pressure(sources, may_hold);
  return last_reading;
}

// A program's thread opens no file. The heap knows what it has taken since the files were read, at
// start or by a thread of ours.
PressureReading estimate() {
  const size_t backed = page_heap.backed_bytes();
  const size_t before = std::min(last_reading.used_bytes, backed_at_reading);
  const MemoryShare share{.limit_bytes = last_reading.limit_bytes,
                          .used_bytes = last_reading.used_bytes - before + backed};
  const MemoryShare process{.limit_bytes = configuration().limit, .used_bytes = backed};
  const MemoryShare nearest = nearer_to_limit(share, process);
  return {.limit_bytes = nearest.limit_bytes,
          .used_bytes = nearest.used_bytes,
          .headroom_bytes = nearest.headroom_bytes(),
          .stalled = false};
}

PressureReading look_at_pressure() {
  if (!has_own_descriptors()) return estimate();
  refresh_commit_charge();
  return read_files(true);
}

// Returns the nanoseconds until the next one.
uint64_t tick() {
  if (!background_thread_is_running()) drop_idle_caches();
  learn_costs();
  uint64_t pause = kTick;
  if (configuration().has(Feature::pressure)) {
    const PressureReading reading = look_at_pressure();
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

void find_limits() {
  if (!configuration().has(Feature::pressure)) return;
  find_pressure_sources(sources, configuration().limit, {});
  respect(read_files(false));
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
