// Owns: reserving regions and committing their metadata.
// Called by: the page heap, under its lock; lookups by everybody.
// Never: a data page committed here (the page heap does that).
#include "heap/pages/page_map.h"

#include <algorithm>

#include "base/store_order.h"
#include "telemetry/counters.h"

namespace hakmem {
namespace {

// Multiples of every page size we run on (4, 16 and 64 KiB).
constexpr size_t kMetadataStep = kSliceSize;
constexpr size_t kSpanBytesPerHugePage = kSlicesPerHugePage * sizeof(Span);
constexpr size_t kSmallestRegion = size_t{8} << 20;
constexpr size_t kLargestRegion = size_t{1} << 40;

size_t span_array_bytes(size_t huge_pages) {
  return round_up(huge_pages * kSpanBytesPerHugePage, kMetadataStep);
}

// Here address space is not saved to have what is used first on as few pages, and pages of page
// tables, as can be: each costs a fault at start-up, and a copy after a fork.
bool is_large(size_t huge_pages) {
  return huge_pages >= size_t{1} << (30 - kHugePageShift);
}

// Also the distance from the region's start to its descriptors: in a large region little more than
// a multiple of 2 MiB, the reach of a page of page tables.
size_t huge_page_array_bytes(size_t huge_pages) {
  const size_t bytes = round_up(huge_pages * sizeof(HugePage), kMetadataStep);
  return is_large(huge_pages) ? round_up(bytes - kMetadataStep, kHugePageSize) + kMetadataStep
                              : bytes;
}

size_t metadata_size(size_t huge_pages) {
  return huge_page_array_bytes(huge_pages) + span_array_bytes(huge_pages);
}

// In a large region the data starts on a huge page of its own, and its descriptors on a page.
size_t slices_of_metadata(size_t huge_pages) {
  const size_t slices = metadata_size(huge_pages) >> kSliceShift;
  return is_large(huge_pages) ? round_up(slices, size_t{kSlicesPerHugePage}) : slices;
}

// Four times the memory of the machine, so that one region lasts for nearly every process. Where
// address space is limited, what is reserved is missing elsewhere: a little at first, then steps of
// an eighth of what there is.
size_t preferred_region_size(const MemoryLimits& limits, bool in_steps, size_t reserved) {
  constexpr size_t kFirstShare = 16;
  constexpr size_t kStep = 8;
  size_t wanted = std::min(std::bit_ceil(limits.physical_bytes) * 4, kLargestRegion);
  if (limits.address_space_bytes != SIZE_MAX) {
    wanted = std::min(wanted, limits.address_space_bytes / kFirstShare);
    in_steps = true;
  }
  if (in_steps && reserved != 0) wanted = reserved / kStep;
  return std::max(round_down(wanted, kHugePageSize), kSmallestRegion);
}

bool commit_metadata(const Backend& backend, uintptr_t start, size_t bytes) {
  void* memory = reinterpret_cast<void*>(start);
  if (!backend.commit(memory, bytes)) return false;
  backend.exclude_from_dump(memory, bytes);
  return true;
}

bool commit_descriptors(const Backend& backend, Region& region, size_t needed) {
  const auto target = static_cast<uint32_t>(round_up(needed, kMetadataStep));
  const uint32_t ready = region.spans_ready;
  if (target <= ready) return true;
  if (!commit_metadata(backend, region.descriptors + ready, target - ready)) return false;
  region.spans_ready = target;
  return true;
}

bool commit_huge_pages(const Backend& backend, Region& region, size_t needed) {
  const auto target = static_cast<uint32_t>(round_up(needed, kMetadataStep));
  const uint32_t ready = region.pages_ready;
  if (target <= ready) return true;
  if (!commit_metadata(backend, region.descriptors - target, target - ready)) return false;
  region.pages_ready = target;
  return true;
}

// Its slot may be used again. A child of a fork that finds no total finds nothing in it.
void forget(Region& region) {
  region.total = 0;
  keep_store_order();
  region.watermark = region.spans_ready = region.pages_ready = region.metadata_slices = 0;
  keep_store_order();
}

}  // namespace

Span* PageMap::find(const void* address) const {
  const uint32_t count = regions();
  for (uint32_t index = 0; index < count; ++index) {
    const Region& region = regions_[index];
    uintptr_t offset;
    if (region.holds(reinterpret_cast<uintptr_t>(address), offset)) {
      return region.span_at(static_cast<uint32_t>(offset >> kSliceShift));
    }
  }
  return nullptr;
}

// Descriptors lie inside their own region, so the region that holds the descriptor is the one.
void* PageMap::start_of(const Span* span) const {
  const Region& region = const_cast<PageMap*>(this)->region_of(span);
  return reinterpret_cast<void*>(region.base + (size_t{slice_in(region, span)} << kSliceShift));
}

Region& PageMap::region_of(const Span* span) {
  const uint32_t count = regions();
  uint32_t index = 0;
  uintptr_t offset;
  while (index + 1 < count && !regions_[index].holds(reinterpret_cast<uintptr_t>(span), offset)) {
    ++index;
  }
  return regions_[index];
}

Region* PageMap::add_region(const Backend& backend, HugePages room) {
  const uint32_t regions = count_.load(std::memory_order_relaxed);
  uint32_t index = 0;
  while (index < regions && regions_[index].total != 0) ++index;
  if (index == kMaximumRegions) return nullptr;
  const size_t needed_pages = room.count + size_t{1};
  // The metadata of a region takes part in what it needs metadata for.
  const size_t smallest = round_up(
      std::max(kSmallestRegion, needed_pages * kHugePageSize + metadata_size(needed_pages) * 2),
      kHugePageSize);
  size_t bytes = std::max(
      preferred_region_size(backend.limits(), reserves_in_steps_, reserved_bytes()), smallest);
  void* base = backend.reserve(bytes, kHugePageSize);
  while (base == nullptr && bytes > smallest) {
    bytes = std::max(round_down(bytes / 2, kHugePageSize), smallest);
    base = backend.reserve(bytes, kHugePageSize);
  }
  if (base == nullptr) return nullptr;

  Region& region = regions_[index];
  // Without a total until all of it is there: a child of a fork finds nothing in half of one.
  forget(region);
  const size_t total = bytes >> kHugePageShift;
  region.base = reinterpret_cast<uintptr_t>(base);
  region.descriptors = region.base + huge_page_array_bytes(total);
  region.huge_pages.end = reinterpret_cast<HugePage*>(region.descriptors);
  // The metadata's own slices count as used for ever; what is left of its last huge page is room.
  const size_t metadata_slices = slices_of_metadata(total);
  region.metadata_slices = static_cast<uint32_t>(metadata_slices);
  const auto metadata_pages = static_cast<uint32_t>(metadata_slices / kSlicesPerHugePage);
  if (!make_known(backend, region, metadata_pages + 1)) {
    backend.release(base, bytes);
    forget(region);
    return nullptr;
  }
  for (uint32_t page = 0; page < metadata_pages; ++page)
    region.huge_pages[page].used = ~uint32_t{0};
  region.huge_pages[metadata_pages].used = low_mask(metadata_slices % kSlicesPerHugePage);
  keep_store_order();
  region.total = static_cast<uint32_t>(total);
  if (index == 0) {
    base_ = region.base;
    marks_ = mark_of(*region.span_at(0));
    limit_.store(region.known_bytes() >> kBlockShift, std::memory_order_release);
  }
  if (index == regions) count_.store(index + 1, std::memory_order_release);
  count(counters.regions_reserved);
  return &region;
}

bool PageMap::raise_watermark(const Backend& backend, Region& region, HugePages more) {
  return more.count <= region.total - region.watermark &&
         make_known(backend, region, region.watermark + more.count);
}

bool PageMap::make_known(const Backend& backend, Region& region, uint32_t target) {
  if (!commit_descriptors(backend, region, target * kSpanBytesPerHugePage) ||
      !commit_huge_pages(backend, region, target * sizeof(HugePage))) {
    return false;
  }
  for (uint32_t index = region.watermark; index < target; ++index) {
    region.huge_pages[index].index = index;
    region.huge_pages[index].region = static_cast<uint8_t>(&region - regions_.data());
  }
  keep_store_order();
  region.watermark = target;
  region.publish();
  if (&region == regions_.data() && count_.load(std::memory_order_relaxed) > 0) {
    limit_.store(region.known_bytes() >> kBlockShift, std::memory_order_release);
  }
  return true;
}

// Lowered first: nobody grows into what goes.
bool PageMap::give_back_reservation(const Backend& backend) {
  reserves_in_steps_ = true;
  bool some = false;
  for (uint32_t index = 0; index < regions(); ++index) {
    Region& region = regions_[index];
    const uint32_t total = region.total;
    if (total == region.watermark) continue;
    some = true;
    region.total = region.watermark;
    keep_store_order();
    backend.release(reinterpret_cast<void*>(region.base + HugePages{region.watermark}.bytes()),
                    HugePages{total - region.watermark}.bytes());
    // Of the others, which may be dropped as a whole, it is little.
    if (index != 0) continue;
    const uintptr_t behind = region.descriptors + region.spans_ready;
    const uintptr_t end = region.descriptors + span_array_bytes(total);
    if (end > behind) backend.release(reinterpret_cast<void*>(behind), end - behind);
    const uintptr_t ahead = region.descriptors - region.pages_ready;
    if (ahead > region.base) {
      backend.release(reinterpret_cast<void*>(region.base), ahead - region.base);
    }
  }
  return some;
}

bool PageMap::drop_region(const Backend& backend, Region& region) {
  if (&region == regions_.data()) return false;
  const uintptr_t known = region.known.exchange(0);
  if (walks_.load() != 0) {
    region.known.store(known, std::memory_order_release);
    return false;
  }
  const size_t bytes = HugePages{region.total}.bytes();
  forget(region);
  backend.release(reinterpret_cast<void*>(region.base), bytes);
  return true;
}

void* PageMap::any_reserved_page() const {
  for (uint32_t index = 0; index < regions(); ++index) {
    const Region& region = regions_[index];
    if (region.total > region.watermark) {
      return reinterpret_cast<void*>(region.base + HugePages{region.watermark}.bytes());
    }
  }
  return nullptr;
}

size_t PageMap::reserved_bytes() const {
  size_t bytes = 0;
  for (uint32_t index = 0; index < regions(); ++index) {
    bytes += HugePages{regions_[index].total}.bytes();
  }
  return bytes;
}

Slices PageMap::metadata_slices() const {
  Slices sum;
  for (uint32_t index = 0; index < regions(); ++index) {
    sum.count += regions_[index].metadata_slices;
  }
  return sum;
}

void PageMap::mend() {
  for (uint32_t index = 0; index < regions(); ++index) {
    Region& region = regions_[index];
    if (region.total == 0) region.watermark = region.metadata_slices = 0;
    region.publish();
    if (index == 0) limit_.store(region.known_bytes() >> kBlockShift, std::memory_order_release);
  }
}

size_t PageMap::metadata_bytes() const {
  size_t bytes = 0;
  for (uint32_t index = 0; index < regions(); ++index) {
    bytes += regions_[index].spans_ready + regions_[index].pages_ready;
  }
  return bytes;
}

}  // namespace hakmem
