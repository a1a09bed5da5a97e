// Owns: the one instance of the knobs.
// Called by: see knobs.h.
// Never: logic.
#include "policy/knobs.h"

namespace hakmem {

constinit Knobs knobs;

}  // namespace hakmem
