// Owns: how the page heap comes to more memory: huge pages made known and committed, promotion.
// Called by: the page heap when nothing that it has serves a request.
// Never: metadata for memory that the kernel refused.
#include <algorithm>
#include <bit>

#include "heap/pages/page_heap.h"
#include "telemetry/counters.h"

namespace hakmem {
namespace {

constexpr uint32_t kSmallestPromotedStep = 4;

}  // namespace

// One more huge page in the bins; from a new region, what its metadata left of one.
bool PageHeap::add_huge_page(Backing backing) {
  bool added = false;
  Region* region = region_with_room({1}, &added);
  if (region == nullptr) return false;
  const bool left_by_metadata = added && backing == Backing::kSmallPages;
  return left_by_metadata || grow(*region, {1}, backing);
}

Region* PageHeap::region_with_room(HugePages room, bool* added) {
  for (uint32_t index = map_.regions(); index-- > 0;) {
    Region& region = map_.region(index);
    if (region.total - region.watermark >= room.count) return &region;
  }
  Region* region = map_.add_region(*backend_, room);
  if (region == nullptr) return nullptr;
  if (added != nullptr) *added = true;
  update_bin(region->huge_pages[region->watermark - 1]);
  return region->total - region->watermark >= room.count ? region : nullptr;
}

// Promoted memory grows in steps of half of what there is: where the two backings meet, the kernel
// keeps a mapping more, so there must be few such places.
bool PageHeap::grow(Region& region, HugePages more, Backing backing) {
  const bool promoted = backing == Backing::kHugePage;
  if (promoted) {
    const uint32_t step = std::max(kSmallestPromotedStep, promoted_.count / 2);
    more.count = std::max(more.count, std::min(step, region.total - region.watermark));
  }
  const uint32_t first = region.watermark;
  if (!map_.raise_watermark(*backend_, region, more)) return false;
  if (promoted) promoted_.count += more.count;
  // Downwards: a bin hands out first what came last, and memory fills from the bottom.
  for (uint32_t index = region.watermark; index-- > first;) {
    region.huge_pages[index].backing = backing;
    update_bin(region.huge_pages[index]);
  }
  return true;
}

bool PageHeap::give_back_reservation() {
  LockGuard guard(lock_);
  return map_.give_back_reservation(*backend_);
}

// The program mapped what was left, or has a limit that it had not at start.
bool PageHeap::meet_address_space_limit() {
  LockGuard guard(lock_);
  void* reserved = map_.any_reserved_page();
  return reserved != nullptr && backend_->address_space_is_refused(reserved) &&
         map_.give_back_reservation(*backend_);
}

// What lies free in one region serves no span that is longer than the region.
bool PageHeap::give_back_free_regions() {
  LockGuard guard(lock_);
  if (claims_in_flight_ != 0) return false;
  bool some = false;
  for (uint32_t index = 0; index < map_.regions(); ++index) {
    Region& region = map_.region(index);
    if (is_wholly_free(region) && map_.drop_region(*backend_, region)) some = true;
  }
  if (some) recount();
  return some;
}

bool PageHeap::is_wholly_free(const Region& region) {
  uint32_t used = 0;
  for (uint32_t index = 0; index < region.watermark; ++index) {
    used += slices_in(region.huge_pages[index].used);
  }
  return region.total != 0 && used == region.metadata_slices;
}

bool PageHeap::commit(Region& region, uint32_t slice, Slices length) {
  const uint32_t first = slice / kSlicesPerHugePage;
  const uint32_t last = (slice + length.count - 1) / kSlicesPerHugePage;
  for (uint32_t index = first; index <= last; ++index) {
    uint32_t end = index;
    while (end <= last && !region.huge_pages[end].committed) ++end;
    if (end == index) continue;
    // In the huge page where the region's metadata ends, the data starts behind it.
    const auto metadata = static_cast<uint32_t>(std::countr_one(region.huge_pages[index].used));
    const uintptr_t start =
        region.base + HugePages{index}.bytes() + (size_t{metadata} << kSliceShift);
    const uintptr_t stop = region.base + HugePages{end}.bytes();
    if (!backend_->commit(reinterpret_cast<void*>(start), stop - start)) return false;
    mark_committed(region, index, end);
    count(counters.committed_bytes, stop - start);
    index = end;
  }
  return true;
}

void PageHeap::mark_committed(Region& region, uint32_t first, uint32_t end) {
  for (uint32_t index = first; index < end; ++index) {
    HugePage& page = region.huge_pages[index];
    page.committed = true;
    update_bin(page);
    if (page.backing == Backing::kHugePage) promote(page);
  }
  committed_.count += end - first;
}

bool PageHeap::grow_committed(Region& region, uint32_t first, HugePages pages, Backing backing) {
  void* start = reinterpret_cast<void*>(region.base + HugePages{first}.bytes());
  if (!backend_->commit(start, pages.bytes())) return false;
  if (!grow(region, {first + pages.count - region.watermark}, backing)) {
    backend_->decommit(start, pages.bytes());
    return false;
  }
  mark_committed(region, first, first + pages.count);
  count(counters.committed_bytes, pages.bytes());
  return true;
}

void PageHeap::promote(const HugePage& page) {
  backend_->promote(address_of(page), kHugePageSize);
  count(counters.promoted_bytes, kHugePageSize);
}

// Mapped anew, for a mapping that is advised against huge pages could not join its neighbours.
void PageHeap::demote(const Span& span, Untouched untouched) {
  const Region& region = map_.region_of(&span);
  void* start = address_of(region.huge_pages[untouched.first]);
  if (is_charged() || !backend_->renew(start, HugePages{untouched.count}.bytes())) return;
  LockGuard guard(lock_);
  for (uint32_t index = 0; index < untouched.count; ++index) {
    HugePage& page = region.huge_pages[untouched.first + index];
    forget_displacement(page);
    change_backing(page, Backing::kSmallPages);
  }
}

}  // namespace hakmem
