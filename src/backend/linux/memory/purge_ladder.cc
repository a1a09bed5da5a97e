// Owns: the rungs of the ladder and the steps down.
// Called by: see purge_ladder.h.
// Never: a step down for what is the range's fault and not the rung's.
#include "backend/linux/memory/purge_ladder.h"

#include <errno.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <bit>

#include "backend/linux/memory/own_descriptors.h"
#include "base/system_call.h"

namespace hakmem {
namespace {

constinit std::atomic<PurgeRung> rung{PurgeRung::kMadvise};
constinit std::atomic<uint32_t> proved_rungs{0};  // a bit for each
constinit std::atomic<uint32_t> unproved_purges{0};
constinit std::atomic<PurgeVector> ring_purge{nullptr};
constinit std::atomic<PurgeVector> vector_purge{nullptr};

void step_down_from(PurgeRung failed) {
  const auto next = static_cast<PurgeRung>(static_cast<uint8_t>(failed) + 1);
  rung.compare_exchange_strong(failed, next, std::memory_order_relaxed);
}

// EINVAL: locked memory (mlockall), which stays resident by the program's own wish.
size_t purge_one_by_one(const AddressRange* ranges, size_t count) {
  constexpr int kTries = 3;  // EAGAIN: the kernel was short of something
  for (size_t index = 0; index < count; ++index) {
    long result = -EAGAIN;
    for (int tries = 0; tries < kTries && result == -EAGAIN; ++tries) {
      result = advise_by_name(ranges[index].start, ranges[index].bytes, MADV_DONTNEED);
    }
    if (result != 0) return index;
  }
  return count;
}

uint32_t bit_of(PurgeRung which) {
  return uint32_t{1} << static_cast<uint32_t>(which);
}

bool is_proved(PurgeRung which) {
  return which == PurgeRung::kNone ||
         (proved_rungs.load(std::memory_order_relaxed) & bit_of(which)) != 0;
}

// The rung as far as the calling thread may use it: what filters kill for is called by ours alone.
PurgeRung rung_of_thread() {
  const PurgeRung now = purge_rung();
  return now < PurgeRung::kMadvise && !has_own_descriptors() ? PurgeRung::kMadvise : now;
}

size_t purge_through_ring(const AddressRange* ranges, size_t count) {
  const PurgeVector purge = ring_purge.load(std::memory_order_relaxed);
  const PurgeProgress progress =
      purge != nullptr ? purge(ranges, count) : PurgeProgress{.purged = 0, .refused = true};
  if (progress.refused) step_down_from(PurgeRung::kRing);
  return progress.purged;
}

size_t purge_by_ladder(const AddressRange* ranges, size_t count) {
  size_t done = 0;
  if (purge_rung() == PurgeRung::kNone) return 0;
  if (rung_of_thread() == PurgeRung::kRing) {
    done = purge_through_ring(ranges, count);
    if (done == count) return count;
  }
  bool refused = false;
  if (rung_of_thread() == PurgeRung::kProcessMadvise) {
    // One range alone costs less by the older call.
    if (count - done > 1) {
      const PurgeVector purge = vector_purge.load(std::memory_order_relaxed);
      const PurgeProgress progress = purge(ranges + done, count - done);
      refused = progress.refused;
      done += progress.purged;
    }
  }
  const size_t by_madvise = purge_one_by_one(ranges + done, count - done);
  // What the range itself forbids both calls refuse.
  if (refused && by_madvise > 0) step_down_from(PurgeRung::kProcessMadvise);
  return done + by_madvise;
}

// Emulators, and kernels that imitate Linux, answer 0 and do nothing. Two ranges, for one alone
// always goes by madvise.
void prove_rung() {
  const PurgeRung tried = rung_of_thread();
  const size_t page = getauxval(AT_PAGESZ);
  const long mapped =
      system_call(SYS_mmap, 0, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  if (static_cast<unsigned long>(mapped) > -4096ul) return;
  auto* first = reinterpret_cast<volatile char*>(mapped);
  volatile char* last = first + 2 * page;
  *first = 1;
  *last = 1;
  const AddressRange ranges[] = {{const_cast<char*>(first), page}, {const_cast<char*>(last), page}};
  const bool all = purge_by_ladder(ranges, 2) == 2;
  const bool gone = *first == 0 && *last == 0;
  system_call(SYS_munmap, mapped, 3 * page);
  if (!all || rung_of_thread() != tried) return;
  if (gone) {
    proved_rungs.fetch_or(bit_of(tried), std::memory_order_relaxed);
  } else {
    step_down_from(tried);
  }
}

// A filter refuses for ever, mlockall(MCL_FUTURE) until it is taken back: asked ever more rarely.
bool is_time_to_prove() {
  constexpr uint32_t kMostBetween = 1024;
  const uint32_t purges = unproved_purges.fetch_add(1, std::memory_order_relaxed);
  return std::has_single_bit(purges % kMostBetween) || purges % kMostBetween == 0;
}

}  // namespace

void start_purging_at(PurgeRung first) {
  rung.store(first, std::memory_order_relaxed);
}

void purge_by_madvise_at_most() {
  if (purge_rung() < PurgeRung::kMadvise) start_purging_at(PurgeRung::kMadvise);
}

void set_vector_purge(PurgeVector purge) {
  vector_purge.store(purge, std::memory_order_relaxed);
}

void set_ring_purge(PurgeVector purge) {
  ring_purge.store(purge, std::memory_order_relaxed);
}

PurgeRung purge_rung() {
  return rung.load(std::memory_order_relaxed);
}

const char* purge_rung_name(PurgeRung which) {
  switch (which) {
    case PurgeRung::kRing:
      return "uring";
    case PurgeRung::kProcessMadvise:
      return "process_madvise";
    case PurgeRung::kMadvise:
      return "madvise";
    case PurgeRung::kNone:
      return "off";
  }
  return "";
}

int advise_by_name(void* start, size_t bytes, int advice) {
  const int saved = errno;
  const int result = madvise(start, bytes, advice) == 0 ? 0 : -errno;
  errno = saved;
  return result;
}

size_t purge_ranges(const AddressRange* ranges, size_t count) {
  for (;;) {
    const PurgeRung tried = rung_of_thread();
    if (is_proved(tried)) return purge_by_ladder(ranges, count);
    if (!is_time_to_prove()) return 0;
    prove_rung();
    if (!is_proved(tried) && rung_of_thread() == tried) return 0;
  }
}

bool lazily_free_range(void* start, size_t bytes) {
  if (purge_rung() == PurgeRung::kNone) return false;
  return advise_by_name(start, bytes, MADV_FREE) == 0;
}

}  // namespace hakmem
