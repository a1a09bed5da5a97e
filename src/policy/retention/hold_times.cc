// Owns: nothing; fills the table from the price.
// Called by: see hold_times.h.
// Never: arithmetic of its own.
#include "policy/retention/hold_times.h"

namespace hakmem {

HoldTimes hold_times(const MemoryPrice& price) {
  HoldTimes times;
  for (size_t kind = 0; kind < kMemoryKinds; ++kind) {
    for (size_t band = 0; band < kSizeBands; ++band) {
      times[kind][band] =
          price.hold_time(static_cast<MemoryKind>(kind), static_cast<SizeBand>(band));
    }
  }
  return times;
}

}  // namespace hakmem
