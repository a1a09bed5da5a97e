// Owns: free memory that is lent to the kernel until a deadline.
// Called by: the helper that stands in for a background thread; the page heap, before it allocates
// or purges.
// Never: lent memory allocated before the kernel has given it back.
#include "heap/claimed_ranges.h"
#include "heap/page_heap.h"
#include "telemetry/counters.h"

namespace hakmem {
namespace {

// What may be free beside it without a deadline of its own.
constexpr uint32_t kNotWorthLending = 64;  // 4 MiB

// Under the lending lock.
constinit ClaimedRanges<Deadlines::kMostRanges> loan;

}  // namespace

void PageHeap::set_deadlines(const Deadlines& deadlines) {
  deadlines_ = &deadlines;
  worth_lending_.store(kNotWorthLending, std::memory_order_relaxed);
}

void PageHeap::lend(uint64_t nanoseconds) {
  LockGuard lending(lending_lock_);
  take_back_locked();
  if (lent_.load(std::memory_order_relaxed)) return;
  loan.clear();
  {
    LockGuard guard(lock_);
    for (uint32_t index = 0; index < map_.regions(); ++index) {
      const Region& region = map_.region(index);
      for (uint32_t at = 0; at < region.watermark && loan.has_room(); ++at) {
        HugePage& page = region.huge_pages[at];
        const uint32_t free = page.free_backed();
        if (free == 0) continue;
        claim_slices(page, free);
        loan.add(&page, free, address_of(page));
      }
    }
  }
  if (loan.empty()) return;
  const size_t armed = deadlines_->arm(loan.first_range(), loan.ranges(), nanoseconds);
  LockGuard guard(lock_);
  for (const auto& entry : loan) {
    if (entry.end > armed) release_claim({entry.page, entry.slices}, false);
  }
  loan.drop_behind(armed);
  lent_.store(armed > 0, std::memory_order_release);
}

void PageHeap::take_back() {
  if (!lent_.load(std::memory_order_acquire)) return;
  LockGuard lending(lending_lock_);
  take_back_locked();
}

void PageHeap::take_back_locked() {
  if (!lent_.load(std::memory_order_relaxed)) return;
  bool purged[Deadlines::kMostRanges];
  const size_t count_of_ranges = deadlines_->disarm(purged);
  // The program has closed the ring: what is lent stays the kernel's.
  if (count_of_ranges == 0 && deadlines_->is_armed()) return;
  size_t bytes = 0;
  LockGuard guard(lock_);
  for (const auto& entry : loan) {
    // The first range may be shared with the entry before.
    bool done = true;
    for (uint32_t range = entry.first; range < entry.end; ++range) done = done && purged[range];
    release_claim({entry.page, entry.slices}, done);
    if (done) bytes += Slices{slices_in(entry.slices)}.bytes();
  }
  count(counters.purged_bytes, bytes);
  count(counters.deadline_purged_bytes, bytes);
  lent_.store(false, std::memory_order_release);
}

}  // namespace hakmem
