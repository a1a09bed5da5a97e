// Owns: the one instance of the counters.
// Called by: see counters.h.
// Never: logic.
#include "telemetry/counters.h"

namespace hakmem {

constinit Counters counters;

}  // namespace hakmem
