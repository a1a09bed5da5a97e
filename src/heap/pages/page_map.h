// Owns: the regions of address space and the way from an address to its slice's descriptor.
// Called by: the fast path of free (find_in_first_region), everything else in the heap.
// Never: a descriptor for an address that is not ours.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "backend/backend.h"
#include "base/bits.h"
#include "base/units.h"
#include "heap/pages/huge_page.h"
#include "heap/span.h"

namespace hakmem {

// The state of a region's huge pages, downwards from `end`.
struct HugePageArray {
  HugePage* end;

  HugePage& operator[](uint32_t index) const { return *(end - 1 - index); }
};

// A reservation, 2 MiB aligned. It starts with its own metadata: the state of its huge pages,
// growing downwards, and the descriptors of all its slices, growing upwards. Both are committed as
// the watermark rises; they start at one place so that together they take one mapping, and while
// the process is small one page of page tables: a fork copies each.
struct Region {
  uintptr_t base;  // while known
  uintptr_t descriptors;
  HugePageArray huge_pages;
  uint32_t total;            // huge pages, metadata included; 0: none, to be used again
  uint32_t watermark;        // huge pages below it are known to the page heap
  uint32_t spans_ready;      // bytes of descriptors committed
  uint32_t pages_ready;      // bytes of huge pages' state committed
  uint32_t metadata_slices;  // that count as used from the start
  // What has readable descriptors: the base, and in its low bits the number of huge pages. One
  // word, for a region may take the place of another while somebody looks an address up.
  std::atomic<uintptr_t> known;

  static_assert((size_t{1} << 40) / kHugePageSize < kHugePageSize);

  void publish() { known.store(base | watermark, std::memory_order_release); }
  // Bytes from the base to the address of a byte of a live block, or of a descriptor of ours; all
  // else lies beyond known_bytes().
  bool holds(uintptr_t address, uintptr_t& offset) const {
    const uintptr_t now = known.load(std::memory_order_relaxed);
    offset = address - (now & ~(kHugePageSize - 1));
    return offset < (now & (kHugePageSize - 1)) * kHugePageSize;
  }
  size_t known_bytes() const {
    return (known.load(std::memory_order_acquire) & (kHugePageSize - 1)) * kHugePageSize;
  }

  Span* span_at(uint32_t slice) const {
    return reinterpret_cast<Span*>(descriptors + (size_t{slice} << kSpanShift));
  }
};

class PageMap {
 public:
  static constexpr uint32_t kMaximumRegions = 64;

  // The fast path of free: whether `address` is a multiple of 16 in the first region, and if so the
  // descriptor of its slice. Rotating the offset brings the low four bits to the top, where the
  // bounds check rejects them, as it rejects nullptr.
  bool find_block_in_first_region(const void* address, Span*& span) const {
    const uintptr_t offset = std::rotr(reinterpret_cast<uintptr_t>(address) - base_, kBlockShift);
    if (HAKMEM_UNLIKELY(offset >= folded_load(limit_))) return false;
    uintptr_t mark = marks_ + ((offset >> (kSliceShift - kSpanShift - kBlockShift)) &
                               ~((uintptr_t{1} << kSpanShift) - 1));
    // Keeps the compiler from computing the descriptor's address, which costs an instruction.
    __asm__("" : "+r"(mark));
    span = slab_of_mark(mark);
    return true;
  }

  // The descriptor of the slice that `address` lies in, nullptr for addresses outside all regions.
  Span* find(const void* address) const;

  // The address of the slice that `span` describes.
  void* start_of(const Span* span) const;
  Region& region_of(const Span* span);
  static uint32_t slice_in(const Region& region, const Span* span) {
    return static_cast<uint32_t>((reinterpret_cast<uintptr_t>(span) - region.descriptors) >>
                                 kSpanShift);
  }

  uint32_t regions() const { return count_.load(std::memory_order_acquire); }
  Region& region(uint32_t index) { return regions_[index]; }
  const Region& region(uint32_t index) const { return regions_[index]; }

  // Under the page heap's lock. Reserves a region with room for at least `room`; nullptr without
  // address space.
  Region* add_region(const Backend& backend, HugePages room);
  // Under the page heap's lock. Commits the metadata of `more` huge pages above the watermark and
  // raises it; the caller adds them to its bins.
  bool raise_watermark(const Backend& backend, Region& region, HugePages more);

  // Under the page heap's lock. Gives back what is reserved and not known to the page heap; from
  // here on regions are as small as can be. False where there was nothing.
  bool give_back_reservation(const Backend& backend);
  // Under the page heap's lock, for a region that nothing is used of and nothing remembers: unmaps
  // it, but for the first, and while somebody walks. False where it stays.
  bool drop_region(const Backend& backend, Region& region);
  // For who reads descriptors of regions without the page heap's lock: none is unmapped meanwhile.
  class Walk {
   public:
    explicit Walk(PageMap& map) : walks_(map.walks_) { walks_.fetch_add(1); }
    ~Walk() { walks_.fetch_sub(1); }
    Walk(const Walk&) = delete;
    Walk& operator=(const Walk&) = delete;

   private:
    std::atomic<uint32_t>& walks_;
  };
  // A page that is reserved and not committed; nullptr: there is none.
  void* any_reserved_page() const;

  size_t reserved_bytes() const;
  size_t metadata_bytes() const;
  // That count as used from the start.
  Slices metadata_slices() const;
  // Of a map that a thread which a fork lost may have been changing.
  void mend();
  // There too: whoever walked is lost.
  void end_walks() { walks_.store(0, std::memory_order_relaxed); }

 private:
  static constexpr int kBlockShift = 4;

  // Commits the metadata of the first `target` huge pages, and raises the watermark to it.
  bool make_known(const Backend& backend, Region& region, uint32_t target);

  // What free reads of the first region: its base, the mark of its first slice, its limit in
  // 16 bytes.
  uintptr_t base_ = 0;
  uintptr_t marks_ = 0;
  std::atomic<uintptr_t> limit_{0};
  std::atomic<uint32_t> count_{0};
  std::atomic<uint32_t> walks_{0};
  bool reserves_in_steps_ = false;
  std::array<Region, kMaximumRegions> regions_{};
};

}  // namespace hakmem
