// Owns: giving retained memory back to the kernel.
// Called by: the page heap when more is retained than the knobs allow or memory is short; trimming.
// Never: a range handed to the kernel that is not claimed (marked used) first, or live memory would
// be zeroed; never the lock held over a system call.
//
//   purge_idle               what has not been needed for the hold time, a little at a time
//   enforce_retained_limit
//     purge_down_to
//       claim_for_purge   whole huge pages first
//       purge_claims
//         release_claim
#include <algorithm>

#include "heap/extent_cache.h"
#include "heap/page_heap.h"
#include "policy/knobs.h"
#include "telemetry/counters.h"

namespace hakmem {

void PageHeap::enforce_retained_limit() {
  // What threads keep for themselves counts as well.
  const size_t all = read_knob(knobs.retained_limit);
  const size_t left = all - std::min(all, cache_quotas.granted().bytes());
  const Slices limit{static_cast<uint32_t>(left >> kSliceShift)};
  if (retained() <= limit) return;
  purge_down_to({limit.count - limit.count / 8});
}

// Sixteen times within a hold time, for each sweep purges little.
bool PageHeap::is_time_to_sweep() {
  const auto hold = static_cast<uint32_t>(read_knob(knobs.idle_hold));
  now_ = static_cast<uint32_t>(backend_->coarse_time() / 1'000'000);
  if (hold == 0 || now_ - last_sweep_ < hold / 16) return false;
  last_sweep_ = now_;
  return true;
}

void PageHeap::purge_idle() {
  constexpr size_t kMost = 4;
  Claim claims[kMost];
  size_t claimed;
  {
    LockGuard guard(lock_);
    claimed =
        claim_for_purge(claims, kMost, {0}, static_cast<uint32_t>(read_knob(knobs.idle_hold)));
  }
  size_t bytes = 0;
  if (claimed > 0) purge_claims(claims, claimed, bytes);
}

size_t PageHeap::purge_down_to(Slices target) {
  constexpr size_t kLargestBatch = 64;
  Claim claims[kLargestBatch];
  const size_t batch = std::clamp(read_knob(knobs.purge_batch), size_t{1}, kLargestBatch);
  size_t bytes = 0;
  while (true) {
    size_t claimed;
    {
      LockGuard guard(lock_);
      claimed = claim_for_purge(claims, batch, target, 0);
    }
    if (claimed == 0) return bytes;
    if (!purge_claims(claims, claimed, bytes)) return bytes;
  }
}

// Whole huge pages first, then parts of those with the most room.
size_t PageHeap::claim_for_purge(Claim* claims, size_t capacity, Slices target, uint32_t age) {
  size_t claimed = 0;
  for (uint8_t bin = HugePageBins::kFreeBacked; bin > 0; --bin) {
    for (const HugePageBins& bins : bins_) {
      HugePage* next;
      for (HugePage* page = bins.first(bin); page != nullptr; page = next) {
        next = page->next;
        if (claimed == capacity || retained() <= target) return claimed;
        const uint32_t slices = page->free_backed();
        if (slices == 0 || now_ - page->last_change < age) continue;
        claims[claimed++] = {page, slices};
        retained_in(page->backing).fetch_sub(slices_in(slices), std::memory_order_relaxed);
        page->used |= slices;
        page->claimed |= slices;
        ++claims_in_flight_;
        update_bin(*page);
      }
    }
  }
  return claimed;
}

bool PageHeap::purge_claims(const Claim* claims, size_t count_of_claims, size_t& bytes) {
  const bool charged = backend_->commit_is_charged();
  bool accepted = true;
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
    } else if (accepted) {
      purged = backend_->purge(ranges, count_of_ranges) == count_of_ranges;
    }
    accepted = purged;
    LockGuard guard(lock_);
    if (decommit && purged) {
      claim.page->committed = false;
      --committed_.count;
      count(counters.decommitted_bytes, kHugePageSize);
    }
    release_claim(claim, purged);
    if (purged) bytes += Slices{slices_in(claim.slices)}.bytes();
  }
  count(counters.purges);
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
    count(counters.purged_bytes, slices.bytes());
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
