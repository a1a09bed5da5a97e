// Owns: the facts' place.
// Called by: see process_facts.h.
// Never: see process_facts.h.
#include "backend/linux/memory/process_facts.h"

namespace hakmem {

constinit ProcessFacts process_facts;

}  // namespace hakmem
