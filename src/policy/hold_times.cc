// Owns: nothing; fills the table from the price.
// Called by: see hold_times.h.
// Never: arithmetic of its own.
#include "policy/hold_times.h"

namespace hakmem {

HoldTimes hold_times(const MemoryPrice& price) {
  HoldTimes times;
  for (size_t index = 0; index < kSizeBands; ++index) {
    const SizeBand band = static_cast<SizeBand>(index);
    times.small_pages[index] = price.hold_time(MemoryKind::kSmallPages, band);
    times.huge_page[index] = price.hold_time(MemoryKind::kHugePage, band);
  }
  return times;
}

}  // namespace hakmem
