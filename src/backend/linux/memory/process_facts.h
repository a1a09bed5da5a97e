// Owns: what is known of the process and the machine, for those who may not ask the kernel.
// Called by: kLinuxBackend, which reads it; start-up, a thread of ours and the functions by which a
// program tells the kernel (frontend/api/program_calls.cc) write it.
// Never: a system call.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace hakmem {

struct ProcessFacts {
  std::atomic<size_t> physical_bytes{size_t{4} << 30};  // of the machine
  std::atomic<size_t> address_space_bytes{SIZE_MAX};    // RLIMIT_AS at start
  std::atomic<bool> commit_is_charged{false};           // vm.overcommit_memory=2
  std::atomic<bool> memory_was_locked{false};           // mlock(2) and its like were called
};

extern constinit ProcessFacts process_facts;

}  // namespace hakmem
