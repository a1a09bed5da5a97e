// Owns: the ranges that go to the kernel in one call, and the claims they come from.
// Called by: the page heap, by the thread that purges.
// Never: ranges of huge pages and of small ones in one batch: their costs are measured apart.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "backend/backend.h"
#include "base/bits.h"
#include "heap/huge_page.h"

namespace hakmem {

class PurgeBatch {
 public:
  // Threads may have stacks of 16 KiB.
  static constexpr size_t kMostRanges = 64;

  struct Entry {
    HugePage* page;
    uint32_t slices;
    uint32_t end;  // behind its last range; neighbours may share one
  };

  bool empty() const { return entries_ == 0; }
  size_t ranges() const { return ranges_; }
  const AddressRange* first_range() const { return range_; }
  bool is_of(Backing backing) const { return empty() || entry_[0].page->backing == backing; }
  bool has_room() const {
    return entries_ < kMostRanges && ranges_ + kSlicesPerHugePage / 2 <= kMostRanges;
  }
  const Entry* begin() const { return entry_; }
  const Entry* end() const { return entry_ + entries_; }
  void clear() { entries_ = ranges_ = 0; }

  // `start` is the address of the huge page. Behind has_room().
  void add(HugePage* page, uint32_t slices, void* start) {
    for (uint32_t left = slices; left != 0;) {
      const auto first = static_cast<uint32_t>(std::countr_zero(left));
      const auto length = static_cast<uint32_t>(std::countr_one(left >> first));
      append(static_cast<char*>(start) + Slices{first}.bytes(), Slices{length}.bytes());
      left &= ~(low_mask(length) << first);
    }
    entry_[entries_++] = {page, slices, static_cast<uint32_t>(ranges_)};
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
  AddressRange range_[kMostRanges];
  Entry entry_[kMostRanges];
};

}  // namespace hakmem
