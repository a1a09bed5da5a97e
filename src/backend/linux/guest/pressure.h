// Owns: how near the process is to a limit on its memory, as one reading, and what follows from it.
// Called by: the frontend, on its tick.
// Never: an allocation; a wait; a reading more often than the caller asks for.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/linux/guest/cgroup.h"
#include "backend/linux/guest/pressure_stall.h"

namespace hakmem {

struct PressureReading {
  // Of HAKMEM_LIMIT, the own cgroup and its ancestors, the limit that is nearest to being reached;
  // SIZE_MAX: none.
  size_t limit_bytes = SIZE_MAX;
  // What counts against that limit: of the process, or of all that share the cgroup.
  size_t used_bytes = 0;
  // What is left; 0 at the limit and above, SIZE_MAX without a limit.
  size_t headroom_bytes = SIZE_MAX;
  // Since the last reading tasks waited for memory, or the cgroup hit its limit.
  bool stalled = false;
};

// Meant to be one static; calls must not overlap. A child of fork goes on with its copy.
struct PressureSources {
  size_t process_limit_bytes = SIZE_MAX;
  CgroupMemory cgroup;
  PressureStall stall;
  PathBuffer machine_pressure_file;
};

// Finds what there is to ask: about ten files and 0.15 ms, once. `process_limit_bytes`
// (HAKMEM_LIMIT) is for the resident memory of the process; SIZE_MAX: none. Opens no descriptor
// that stays.
void find_pressure_sources(PressureSources& sources, size_t process_limit_bytes, CgroupFiles files);

// `may_hold`: the stall trigger is asked, for which the first reading opens a descriptor that stays
// (20 us). 4 us without a limit of the cgroup, at most some 50 with one (kernel 6.18); the caller
// limits the rate.
PressureReading read_pressure(PressureSources& sources, bool may_hold);

// The price of memory in percent of the usual one: 100 while less than 75 % of the limit is used,
// then twice as much every 5 % (200 at 80 %, 400 at 85 %, 800 at 90 %, 1600 at 95 %), linear
// between these, and on to kHighestPricePercent, "purge everything now", at the limit. At least
// kStalledPricePercent when stalled.
inline constexpr uint32_t kStalledPricePercent = 400;
inline constexpr uint32_t kHighestPricePercent = 10000;
uint32_t price_percent(const PressureReading& reading);

// Less than 5 % of the limit is left: all that is free goes back to the kernel at once.
bool purge_now(const PressureReading& reading);

}  // namespace hakmem
