// Owns: the table.
// Called by: see call_sites.h.
// Never: a rule of its own: thermal.h learns, memory_decision.h decides.
#include "policy/retention/call_sites.h"

#include "base/units.h"
#include "policy/knobs.h"
#include "policy/retention/memory_decision.h"
#include "policy/retention/thermal.h"

namespace hakmem {
namespace {

alignas(kApart) constinit ThermalTable sites;

}  // namespace

void call_site_wants(uint32_t site, uint64_t now_ns) {
  sites.allocated(site, now_ns);
}

MemoryDecision call_site_gave_up(uint32_t site, uint64_t now_ns, size_t bytes, MemoryKind kind,
                                 bool may_be_lazily_freed) {
  sites.freed(site, now_ns);
  const size_t hold = read_hold(kind, band_of(bytes));
  return decide(hold == 0 ? kForever : hold * kMillisecond, sites.expected_reuse(site, now_ns),
                may_be_lazily_freed);
}

}  // namespace hakmem
