// Owns: the search for memory on small pages that is worth a collapse.
// Called by: who makes huge pages in the background.
// Never: a system call; the collapse itself happens without the lock.
#include "heap/pages/page_heap.h"

namespace hakmem {
namespace {

// A huge page between small ones costs two mappings; a process has 65,530 (vm.max_map_count).
constexpr uint32_t kMostIslands = 256;

bool is_huge(const Region& region, uint32_t index) {
  return index < region.watermark && region.huge_pages[index].backing == Backing::kHugePage;
}

bool is_island(const Region& region, const HugePage& page) {
  return !is_huge(region, page.index - 1) && !is_huge(region, page.index + 1);
}

}  // namespace

void PageHeap::pause_promotion() {
  constexpr uint64_t kPause = 60'000'000'000;  // nanoseconds; most snapshots are written by then
  promotion_.pause();
  no_collapse_before_.store(backend_->coarse_time() + kPause, std::memory_order_relaxed);
}

PageHeap::Settled PageHeap::next_settled(AddressRange& page) {
  constexpr uint32_t kMostLooks = 256;  // under the lock
  LockGuard guard(lock_);
  if (backend_->coarse_time() < no_collapse_before_.load(std::memory_order_relaxed))
    return Settled::kSettling;
  for (uint32_t look = 0; look < kMostLooks; ++look) {
    if (settling_region_ == map_.regions()) {
      const bool some = settling_ != 0;
      settling_region_ = settling_ = 0;
      return some ? Settled::kSettling : Settled::kNone;
    }
    const Region& region = map_.region(settling_region_);
    if (settling_index_ >= region.watermark) {
      settling_index_ = 0;
      ++settling_region_;
      continue;
    }
    HugePage& candidate = region.huge_pages[settling_index_++];
    if (!settles(region, candidate)) continue;
    page = {.start = address_of(candidate), .bytes = kHugePageSize};
    return Settled::kFound;
  }
  return Settled::kLooking;
}

// Asked for once: what was found and not collapsed is not worth it until it changes.
bool PageHeap::settles(const Region& region, HugePage& page) {
  constexpr uint32_t kAll = ~uint32_t{0};
  const bool whole = page.used == kAll && page.backed == kAll && page.claimed == 0;
  if (!whole || page.backing == Backing::kHugePage || page.settled > kRoundsToSettle) return false;
  if (++page.settled <= kRoundsToSettle) {
    ++settling_;
    return false;
  }
  return islands_ < kMostIslands || !is_island(region, page);
}

void PageHeap::collapsed(const AddressRange& page) {
  LockGuard guard(lock_);
  const Span* span = map_.find(page.start);
  if (span == nullptr) return;
  Region& region = map_.region_of(span);
  HugePage& huge = region.huge_pages[PageMap::slice_in(region, span) / kSlicesPerHugePage];
  // Some of it was freed meanwhile, and may have been purged or moved since.
  if (huge.settled <= kRoundsToSettle) return;
  if (is_island(region, huge)) ++islands_;
  huge.touched = true;
  change_backing(huge, Backing::kHugePage);
}

// A collapse would copy what the child shares.
void PageHeap::keep_unsettled() {
  // The handler may stand in a signal handler, and that in a critical section.
  if (!lock_.try_lock()) return;
  for (uint32_t index = 0; index < map_.regions(); ++index) {
    const Region& region = map_.region(index);
    for (uint32_t at = 0; at < region.watermark; ++at) {
      HugePage& page = region.huge_pages[at];
      if (page.used == ~uint32_t{0} && page.settled <= kRoundsToSettle) {
        page.settled = kRoundsToSettle + 1;
      }
    }
  }
  lock_.unlock();
}

}  // namespace hakmem
