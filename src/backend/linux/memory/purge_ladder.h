// Owns: which system call gives memory back, of those that this kernel and this container allow.
// Called by: kLinuxBackend; the life cycle (choice), statistics (rung in use).
// Never: a range reported as purged that the kernel has not confirmed.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/backend.h"

namespace hakmem {

// What answers EPERM (a container's filter), ENOSYS, EBADF or EINVAL (a kernel without it), or says
// that it has purged what it has not (emulators), is not asked again in this process.
enum class PurgeRung : uint8_t {
  // Only where they are asked for: who registers memory with devices (RDMA, MPI) puts himself in
  // front of libc's madvise to hear of pages that go, and of these he hears nothing. On our own
  // thread alone; on all others it is madvise.
  kRing,            // io_uring
  kProcessMadvise,  // process_madvise(2) on the process itself: many ranges, one call; Linux 6.15
  kMadvise,         // madvise(2), range by range
  kNone,            // memory is not given back
};

struct PurgeProgress {
  size_t purged;  // ranges, from the start
  bool refused;   // the call as such, now and later
};

// Of a rung above madvise.
using PurgeVector = PurgeProgress (*)(const AddressRange* ranges, size_t count);

// Where the ladder starts. Before other threads purge.
void start_purging_at(PurgeRung rung);
// Where a filter may kill for the other calls.
void purge_by_madvise_at_most();
// What kProcessMadvise calls: before the ladder starts there.
void set_vector_purge(PurgeVector purge);
// What kRing calls, from a module, on our thread; without it that rung steps down at once.
void set_ring_purge(PurgeVector purge);

// The rung that the next purge will be tried on.
PurgeRung purge_rung();
const char* purge_rung_name(PurgeRung rung);

// madvise(2) by libc's name, for advice that takes pages away; a negative errno value on failure,
// errno itself stays.
int advise_by_name(void* start, size_t bytes, int advice);

// See Backend::purge. Thread-safe. Each rung is tried on pages of its own before it is trusted.
size_t purge_ranges(const AddressRange* ranges, size_t count);
// See Backend::lazily_free; refused as well where memory is not given back.
bool lazily_free_range(void* start, size_t bytes);

}  // namespace hakmem
