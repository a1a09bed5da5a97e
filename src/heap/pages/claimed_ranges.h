// Owns: address ranges for the kernel, neighbours joined, and the claims that they come from.
// Called by: the page heap, where it purges.
// Never: more ranges than one call takes.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "backend/backend.h"
#include "base/bits.h"
#include "heap/pages/huge_page.h"

namespace hakmem {

template <size_t kMostRanges, size_t kMostClaims>
class ClaimedRanges {
 public:
  static constexpr size_t kRanges = kMostRanges;

  struct Entry {
    HugePage* page;
    uint32_t slices;
    uint32_t first;  // of its ranges; neighbours may share one
    uint32_t end;    // behind the last
  };

  bool empty() const { return entries_ == 0; }
  size_t ranges() const { return ranges_; }
  const AddressRange* first_range() const { return range_; }
  // Whether all is made of `backing`, for costs are measured apart.
  bool is_of(Backing backing) const { return empty() || entry_[0].page->backing == backing; }
  bool has_room() const {
    return entries_ < kMostClaims && ranges_ + kSlicesPerHugePage / 2 <= kMostRanges;
  }
  const Entry* begin() const { return entry_; }
  const Entry* end() const { return entry_ + entries_; }
  void clear() { entries_ = ranges_ = 0; }

  // `start` is the address of the huge page. Behind has_room().
  void add(HugePage* page, uint32_t slices, void* start) {
    Entry& entry = entry_[entries_++];
    entry = {page, slices, UINT32_MAX, 0};
    for (uint32_t left = slices; left != 0;) {
      const auto first = static_cast<uint32_t>(std::countr_zero(left));
      const auto length = static_cast<uint32_t>(std::countr_one(left >> first));
      append(static_cast<char*>(start) + Slices{first}.bytes(), Slices{length}.bytes());
      if (entry.first == UINT32_MAX) entry.first = static_cast<uint32_t>(ranges_ - 1);
      left &= ~(low_mask(length) << first);
    }
    entry.end = static_cast<uint32_t>(ranges_);
  }

 private:
  void append(char* start, size_t bytes) {
    if (ranges_ > 0) {
      AddressRange& last = range_[ranges_ - 1];
      if (static_cast<char*>(last.start) + last.bytes == start) {
        last.bytes += bytes;
        return;
      }
    }
    range_[ranges_++] = {start, bytes};
  }

  size_t entries_ = 0;
  size_t ranges_ = 0;
  AddressRange range_[kMostRanges] = {};
  Entry entry_[kMostClaims] = {};
};

// What is purged in one call. Threads may have stacks of 16 KiB.
using PurgeBatch = ClaimedRanges<64, 64>;

}  // namespace hakmem
