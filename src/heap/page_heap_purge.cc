// Owns: giving retained memory back to the kernel.
// Called by: the page heap when more is retained than the knobs allow or memory is short; trimming.
// Never: a range handed to the kernel that is not claimed (marked used) first, or live memory would
// be zeroed; never the lock held over a system call.
//
//   purge_idle             what has not been needed for the hold time, a little at a time
//     claim_idle
//   enforce_retained_limit
//     purge_down_to
//       claim_down_to      the same sweep, until little enough is retained
//   purge_claims           both end here
//     release_claim
#include <algorithm>

#include "heap/extent_cache.h"
#include "heap/page_heap.h"
#include "policy/knobs.h"
#include "telemetry/counters.h"

namespace hakmem {
namespace {

constexpr uint32_t kSweepSteps = 16;  // in a round
constexpr uint8_t kSweepsBeforeSplit = 8;

}  // namespace

void PageHeap::enforce_retained_limit() {
  // What threads keep for themselves counts as well.
  const size_t all = read_knob(knobs.retained_limit);
  const size_t left = all - std::min(all, cache_quotas.granted().bytes());
  Slices limit{static_cast<uint32_t>(left >> kSliceShift)};
  if (read_knob(knobs.idle_hold) != 0) limit = std::min(limit, demand_.spare(used()));
  if (retained() <= limit) return;
  purge_down_to({limit.count - limit.count / 8});
}

// A round of the sweep takes the hold time, in sixteen steps.
bool PageHeap::is_time_to_sweep() {
  const auto hold = static_cast<uint32_t>(read_knob(knobs.idle_hold));
  const auto now = static_cast<uint32_t>(backend_->coarse_time() / 1'000'000);
  if (hold == 0 || now - last_sweep_ < hold / kSweepSteps) return false;
  last_sweep_ = now;
  if (++sweep_steps_ % kSweepSteps == 0) demand_.turn(used());
  return true;
}

void PageHeap::purge_idle() {
  constexpr size_t kMost = 16;
  look_at_charge();
  Claim claims[kMost];
  size_t claimed;
  {
    LockGuard guard(lock_);
    claimed = claim_idle(claims, kMost);
  }
  size_t bytes = 0;
  if (claimed > 0) purge_claims(claims, claimed, bytes);
}

// Bounded, for some thread's free waits for it; what is left comes with the next step.
size_t PageHeap::claim_idle(Claim* claims, size_t capacity) {
  constexpr uint32_t kMostVisits = 1024;
  constexpr Slices kMostPurged{128};
  uint32_t visits = std::min(known_huge_pages() / kSweepSteps + 1, kMostVisits);
  size_t claimed = 0;
  Slices slices;
  for (; visits > 0 && claimed < capacity && slices < kMostPurged; --visits) {
    HugePage& page = next_to_sweep();
    const uint32_t idle = sweep(page);
    if (idle == 0) continue;
    claims[claimed++] = claim(page, idle);
    slices.count += slices_in(idle);
  }
  return claimed;
}

HugePage& PageHeap::next_to_sweep() {
  if (sweep_index_ >= map_.region(sweep_region_).watermark) {
    sweep_index_ = 0;
    sweep_region_ = (sweep_region_ + 1) % map_.regions();
  }
  return map_.region(sweep_region_).huge_pages[sweep_index_++];
}

// The slices that were free the last time and since. A part of a huge page splits it, so that has
// to lie idle for longer.
uint32_t PageHeap::sweep(HugePage& page) {
  const uint32_t free = page.free_backed();
  const bool splits = page.backing == Backing::kHugePage && free != ~uint32_t{0};
  if (splits && ++page.sweeps < kSweepsBeforeSplit) return 0;
  page.sweeps = 0;
  const uint32_t idle = page.idle & free;
  page.idle = free;
  return idle;
}

size_t PageHeap::purge_down_to(Slices target) {
  constexpr size_t kLargestBatch = 64;
  // Twice around make everything idle, parts of huge pages only after their sweeps.
  constexpr uint32_t kRounds = 2 + 2 * kSweepsBeforeSplit;
  Claim claims[kLargestBatch];
  const size_t batch = std::clamp(read_knob(knobs.purge_batch), size_t{1}, kLargestBatch);
  if (retained() <= target) return 0;
  look_at_charge();
  size_t bytes = 0;
  uint32_t visits;
  {
    LockGuard guard(lock_);
    visits = kRounds * known_huge_pages();
  }
  while (visits > 0 && retained() > target) {
    size_t claimed;
    {
      LockGuard guard(lock_);
      claimed = claim_down_to(target, claims, batch, visits);
    }
    if (claimed > 0 && !purge_claims(claims, claimed, bytes)) break;
  }
  return bytes;
}

// A clock: what was used since the hand last came by gets another round, unless all is to go.
// `visits` is what is left of them; the lock is held for some at a time.
size_t PageHeap::claim_down_to(Slices target, Claim* claims, size_t capacity, uint32_t& visits) {
  constexpr uint32_t kMostVisits = 1024;
  size_t claimed = 0;
  for (uint32_t count = 0; count < kMostVisits && visits > 0; ++count, --visits) {
    if (claimed == capacity || retained() <= target) break;
    HugePage& page = next_to_sweep();
    const uint32_t idle = target == Slices{0} ? page.free_backed() : sweep(page);
    if (idle != 0) claims[claimed++] = claim(page, idle);
  }
  return claimed;
}

uint32_t PageHeap::known_huge_pages() const {
  uint32_t known = 0;
  for (uint32_t index = 0; index < map_.regions(); ++index) known += map_.region(index).watermark;
  return known;
}

PageHeap::Claim PageHeap::claim(HugePage& page, uint32_t slices) {
  // The last memory of a huge page: it goes as a whole where that makes a difference.
  const bool last = page.used == 0 && (page.backed & ~slices) == 0;
  if (last && (page.displaced || is_charged())) return claim_whole(page);
  retained_in(page.backing).fetch_sub(slices_in(slices), std::memory_order_relaxed);
  page.used |= slices;
  page.claimed |= slices;
  ++claims_in_flight_;
  update_bin(page);
  return {&page, slices};
}

// Of a wholly free huge page, also what holds no memory.
PageHeap::Claim PageHeap::claim_whole(HugePage& page) {
  retained_in(page.backing).fetch_sub(slices_in(page.backed), std::memory_order_relaxed);
  page.used = page.claimed = page.backed = ~uint32_t{0};
  ++claims_in_flight_;
  update_bin(page);
  return {&page, ~uint32_t{0}};
}

bool PageHeap::purge_claims(const Claim* claims, size_t count_of_claims, size_t& bytes) {
  const bool charged = is_charged();
  bool accepted = true;
  size_t bytes_here = 0;
  for (size_t index = 0; index < count_of_claims; ++index) {
    const Claim& claim = claims[index];
    const auto start = reinterpret_cast<uintptr_t>(address_of(*claim.page));
    AddressRange ranges[kSlicesPerHugePage / 2];
    size_t count_of_ranges = 0;
    for (uint32_t left = claim.slices; left != 0;) {
      const auto first = static_cast<uint32_t>(std::countr_zero(left));
      const auto length = static_cast<uint32_t>(std::countr_one(left >> first));
      ranges[count_of_ranges++] = {reinterpret_cast<void*>(start + (size_t{first} << kSliceShift)),
                                   Slices{length}.bytes()};
      left &= ~(low_mask(length) << first);
    }
    const bool whole = claim.slices == ~uint32_t{0};
    const bool decommit = charged && whole && accepted;
    bool purged = false;
    if (decommit) {
      purged = backend_->decommit(ranges[0].start, ranges[0].bytes);
    } else if (whole && claim.page->displaced) {
      purged = accepted && backend_->renew(ranges[0].start, ranges[0].bytes);
      if (purged && claim.page->backing == Backing::kHugePage) promote(*claim.page);
    } else if (accepted) {
      purged = backend_->purge(ranges, count_of_ranges) == count_of_ranges;
    }
    accepted = purged;
    LockGuard guard(lock_);
    if (whole && purged) forget_displacement(*claim.page);
    // A child of a fork may have found it decommitted already.
    if (decommit && purged && claim.page->committed) {
      claim.page->committed = false;
      --committed_.count;
      count(counters.decommitted_bytes, kHugePageSize);
    }
    release_claim(claim, purged);
    if (purged) bytes_here += Slices{slices_in(claim.slices)}.bytes();
  }
  count(counters.purges);
  count(counters.purged_bytes, bytes_here);
  bytes += bytes_here;
  return accepted;
}

void PageHeap::release_claim(const Claim& claim, bool purged) {
  const Slices slices{slices_in(claim.slices)};
  claim.page->used &= ~claim.slices;
  claim.page->claimed &= ~claim.slices;
  --claims_in_flight_;
  if (purged) {
    claim.page->backed &= ~claim.slices;
    if (claim.page->backed == 0) claim.page->touched = false;
  } else {
    retained_in(claim.page->backing).fetch_add(slices.count, std::memory_order_relaxed);
  }
  update_bin(*claim.page);
}

// The thread that purged is not in the child. Whether the kernel was asked is unknown: the slices
// count as holding old contents, and a huge page that may have been decommitted is committed anew.
void PageHeap::release_lost_claims() {
  if (claims_in_flight_ == 0) return;
  claims_in_flight_ = 0;
  const bool charged = backend_->commit_is_charged();
  for (uint32_t index = 0; index < map_.regions(); ++index) {
    const Region& region = map_.region(index);
    for (uint32_t at = 0; at < region.watermark; ++at) {
      HugePage& page = region.huge_pages[at];
      if (page.claimed == 0) continue;
      page.used &= ~page.claimed;
      retained_in(page.backing).fetch_add(slices_in(page.claimed), std::memory_order_relaxed);
      if (charged && page.claimed == ~uint32_t{0} && page.committed) {
        page.committed = false;
        --committed_.count;
      }
      page.claimed = 0;
      update_bin(page);
    }
  }
}

}  // namespace hakmem
