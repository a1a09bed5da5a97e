// Owns: the one table of the places that ask for large blocks, and what follows from it for theirs.
// Called by: the heap's slow paths, through pointers that the frontend sets.
// Never: called for small blocks.
#pragma once

#include <cstddef>
#include <cstdint>

#include "policy/retention/memory_terms.h"

namespace hakmem {

// All functions are safe from any thread and never fail. `site`: any hash; `now_ns`: nanoseconds of
// a monotonic, coarse clock.

// A block of the site was asked for, and nothing that is kept for reuse served it at once.
void call_site_wants(uint32_t site, uint64_t now_ns);

// A block of the site was freed, or is no longer kept for reuse at once: what becomes of its
// memory. `may_be_lazily_freed`: see decide.
MemoryDecision call_site_gave_up(uint32_t site, uint64_t now_ns, size_t bytes, MemoryKind kind,
                                 bool may_be_lazily_freed);

}  // namespace hakmem
