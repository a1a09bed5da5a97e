// Owns: what giving memory back and touching it again costs on this machine, as measured so far.
// Called by: written where the slow paths purge and first touch; read by the memory price.
// Never: a benchmark of its own, a clock, a lock.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "policy/retention/memory_terms.h"

namespace hakmem {

// Running estimates in nanoseconds per MiB. They start at what Linux 6.18 charges on a virtual
// machine (AMD Zen 4): 0.2 us to purge a page of 4 KiB and 1.3 us to fault it in; 6 us and 40 to
// 220 us, taken as 80, for a huge page. They rise to whatever is measured: where the host of a
// virtual machine has taken memory back, the first touch of 2 MiB costs 4 to 6 ms.
//
// All functions are safe from any thread and never fail. Concurrent samples may overwrite each
// other: an estimate loses one sample of many.
class CostEstimates {
 public:
  // Of one purge, whatever its size: the system call, the look-up of the mapping.
  static constexpr uint64_t kPurgeCall = 2'000;  // nanoseconds
  // Samples of fewer bytes are ignored, those in between weigh less.
  static constexpr size_t kSmallestSample = 4096;
  static constexpr size_t kFullSample = 65536;
  // No estimate exceeds it: a second per MiB is a machine that was suspended.
  static constexpr uint64_t kDearest = 1'000'000'000;  // nanoseconds per MiB

  // `ns`: one purge call that gave `bytes` back, kPurgeCall included.
  void record_purge(MemoryKind kind, size_t bytes, uint64_t ns);
  // `ns`: the first touch of `bytes` that had no memory.
  void record_fault(MemoryKind kind, size_t bytes, uint64_t ns);

  // Nanoseconds per MiB, at most kDearest.
  uint64_t purge_per_mib(MemoryKind kind) const;
  uint64_t fault_per_mib(MemoryKind kind) const;

 private:
  using Estimates = std::array<std::atomic<uint64_t>, kMemoryKinds>;

  Estimates purge_{51'200, 3'000};
  Estimates fault_{332'800, 40'000};
};

}  // namespace hakmem
