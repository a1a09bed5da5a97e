// Owns: free memory that is lent to the kernel until a deadline.
// Called by: the helper that stands in for a background thread; the page heap, before it allocates
// or purges.
// Never: lent memory allocated before the kernel has given it back.
#include <algorithm>

#include "base/units.h"
#include "heap/claimed_ranges.h"
#include "heap/page_heap.h"
#include "telemetry/counters.h"

namespace hakmem {
namespace {

// What may be free beside a loan without a deadline: lending anew takes 10 to 50 us.
constexpr uint32_t kNotWorthLending = 16;  // slices
constexpr uint32_t kPartOfLoan = 64;

// Under the lending lock.
constexpr size_t kMostHugePages = 4096;
alignas(kApart) constinit ClaimedRanges<Deadlines::kMostRanges, kMostHugePages> loan;

}  // namespace

void PageHeap::set_deadlines(const Deadlines& deadlines) {
  deadlines_ = &deadlines;
  worth_lending_.store(kNotWorthLending, std::memory_order_relaxed);
}

void PageHeap::lend(uint64_t nanoseconds) {
  const ClaimsInHand in_hand;
  LockGuard lending(lending_lock_);
  take_back_locked();
  if (lent_.load(std::memory_order_relaxed)) return;
  loan.clear();
  uint32_t slices = 0;
  {
    LockGuard guard(lock_);
    for (uint32_t index = 0; index < map_.regions(); ++index) {
      const Region& region = map_.region(index);
      for (uint32_t at = 0; at < region.watermark && loan.has_room(); ++at) {
        HugePage& page = region.huge_pages[at];
        const uint32_t free = page.free_backed();
        if (free == 0) continue;
        const Claim claim = claim_lent(page, free);
        slices += slices_in(claim.slices);
        loan.add(&page, claim.slices, address_of(page));
      }
    }
  }
  worth_lending_.store(std::max(kNotWorthLending, slices / kPartOfLoan), std::memory_order_relaxed);
  if (loan.empty()) return;
  loan_slices_.store(slices, std::memory_order_relaxed);
  const size_t armed = deadlines_->arm(loan.first_range(), loan.ranges(), nanoseconds);
  LockGuard guard(lock_);
  for (const auto& entry : loan) {
    if (entry.end <= armed) continue;
    release_claim({entry.page, entry.slices}, false);
    loan_slices_.fetch_sub(slices_in(entry.slices), std::memory_order_relaxed);
  }
  loan.drop_behind(armed);
  lent_.store(armed > 0, std::memory_order_release);
}

PageHeap::Claim PageHeap::claim_lent(HugePage& page, uint32_t free) {
  const bool whole = page.used == 0 && page.backing == Backing::kHugePage;
  return whole ? claim_whole(page) : claim_slices(page, free);
}

void PageHeap::take_back() {
  if (!lent_.load(std::memory_order_acquire)) return;
  LockGuard lending(lending_lock_);
  take_back_locked();
}

void PageHeap::settle_fired_loan() {
  if (!lent_.load(std::memory_order_acquire)) return;
  LockGuard lending(lending_lock_);
  if (lent_.load(std::memory_order_relaxed) && deadlines_->has_fired()) take_back_locked();
}

void PageHeap::take_back_locked() {
  if (!lent_.load(std::memory_order_relaxed)) return;
  const ClaimsInHand in_hand;
  // A child without a ring gets no answers: what was lent keeps its contents there.
  bool purged[Deadlines::kMostRanges] = {};
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
  loan_slices_.store(0, std::memory_order_relaxed);
  lent_.store(false, std::memory_order_release);
}

}  // namespace hakmem
