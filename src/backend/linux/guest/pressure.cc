// Owns: the combination of the sources, and the price curve.
// Called by: see pressure.h.
// Never: see pressure.h.
#include "backend/linux/guest/pressure.h"

#include <algorithm>
#include <array>

#include "backend/linux/guest/process_limits.h"

namespace hakmem {
namespace {

struct PricePoint {
  uint32_t used_per_10000;
  uint32_t percent;
};

constexpr std::array<PricePoint, 6> kPriceCurve{{{7500, 100},
                                                 {8000, 200},
                                                 {8500, 400},
                                                 {9000, 800},
                                                 {9500, 1600},
                                                 {10000, kHighestPricePercent}}};

uint32_t price_of_share(uint32_t used_per_10000) {
  PricePoint from{.used_per_10000 = 0, .percent = 100};
  for (const PricePoint& to : kPriceCurve) {
    if (used_per_10000 <= to.used_per_10000) {
      return from.percent + (to.percent - from.percent) * (used_per_10000 - from.used_per_10000) /
                                (to.used_per_10000 - from.used_per_10000);
    }
    from = to;
  }
  return kHighestPricePercent;
}

}  // namespace

void find_pressure_sources(PressureSources& sources, size_t process_limit_bytes,
                           CgroupFiles files) {
  sources.process_limit_bytes = process_limit_bytes;
  sources.cgroup.discover(files);
  PathBuffer& machine = sources.machine_pressure_file;
  machine.truncate(0);
  if (!machine.append(files.root) || !machine.append("/proc/pressure/memory")) machine.truncate(0);
  sources.stall.watch(sources.cgroup.pressure_file(), machine.text);
}

PressureReading read_pressure(PressureSources& sources, bool may_hold) {
  MemoryShare process{.limit_bytes = sources.process_limit_bytes, .used_bytes = 0};
  if (process.limit_bytes != SIZE_MAX) process.used_bytes = process_resident_bytes();
  const CgroupReading group = sources.cgroup.read();
  const bool stall_fired = may_hold && sources.stall.fired();
  const MemoryShare nearest = nearer_to_limit(process, group.share);
  return {.limit_bytes = nearest.limit_bytes,
          .used_bytes = nearest.used_bytes,
          .headroom_bytes = nearest.headroom_bytes(),
          .stalled = stall_fired || group.limit_was_hit};
}

uint32_t price_percent(const PressureReading& reading) {
  const MemoryShare share{.limit_bytes = reading.limit_bytes, .used_bytes = reading.used_bytes};
  const uint32_t price = price_of_share(share.used_per_10000());
  return reading.stalled ? std::max(price, kStalledPricePercent) : price;
}

bool purge_now(const PressureReading& reading) {
  return reading.limit_bytes != SIZE_MAX && reading.headroom_bytes < reading.limit_bytes / 20;
}

}  // namespace hakmem
