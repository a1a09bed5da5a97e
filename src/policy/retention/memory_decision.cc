// Owns: the rule.
// Called by: see memory_decision.h.
// Never: state.
#include "policy/retention/memory_decision.h"

#include <algorithm>

namespace hakmem {

ThermalClass thermal_class(ExpectedReuse expected, uint64_t hold_ns) {
  if (expected.ns <= hold_ns) return expected.learned ? ThermalClass::kHot : ThermalClass::kWarm;
  const bool late = expected.ns / kWarmFactor >= hold_ns || expected.ns >= kLongestLazy;
  return late ? ThermalClass::kCold : ThermalClass::kWarm;
}

MemoryDecision decide(uint64_t hold_ns, ExpectedReuse expected, bool may_be_lazily_freed) {
  if (hold_ns == kForever) return {MemoryAction::kKeep, kForever};
  switch (thermal_class(expected, hold_ns)) {
    case ThermalClass::kHot:
      // Keeping is the optimum if the expectation is right. Reuse scatters around it: twice the
      // expectation is waited for where that is more than the hold time. Never less than the hold
      // time: given up at a multiple m of a short expectation e, memory that comes back right after
      // costs 1 + hold / (m e) times the optimum, without bound. Never more than twice the hold
      // time: a wrong expectation costs at most three times the optimum.
      return {MemoryAction::kKeep, std::min(std::max(hold_ns, expected.ns * 2), kLongestHold)};
    case ThermalClass::kWarm:
      // The call costs less than a purge, what the kernel leaves costs no fault, and under pressure
      // the kernel takes it without asking; but it stays in the resident size until it is taken or
      // purged, so that it must be known that it comes back.
      if (!expected.learned || !may_be_lazily_freed) return {MemoryAction::kKeep, hold_ns};
      return {MemoryAction::kLazyFree, std::min(expected.ns * 2, kLongestLazy)};
    case ThermalClass::kCold:
      // A wrong expectation costs one purge and its faults, and the early reuse corrects it.
      return {MemoryAction::kPurge, 0};
  }
  __builtin_unreachable();
}

}  // namespace hakmem
