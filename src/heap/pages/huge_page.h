// Owns: the state of one 2 MiB huge page and the lists that order huge pages by free room.
// Called by: the page heap, under its lock.
// Never: a system call; never used without the page heap's lock.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "base/bits.h"
#include "base/units.h"
#include "policy/knobs.h"

namespace hakmem {

// What a huge page is made of, decided before its first touch: advice cannot be taken back. For
// kHugePage the kernel is asked for a transparent one.
using Backing = MemoryKind;
inline constexpr size_t kBackings = kMemoryKinds;

constexpr Backing other_than(Backing backing) {
  return backing == Backing::kHugePage ? Backing::kSmallPages : Backing::kHugePage;
}

// One bit per slice. `used` is set while a span or a purge owns the slice, `claimed` while a purge
// does; `backed` from the first use on until the slice is purged: its pages may be resident and
// hold old contents.
struct HugePage {
  uint32_t used;
  uint32_t backed;
  uint32_t claimed;
  uint32_t idle;           // free and backed since the sweep last came by
  uint32_t index;          // in its region
  uint32_t lazily_freed;   // free and backed, as long as the kernel does not want the memory
  uint32_t lazy_until_ms;  // when those are to be purged
  HugePage* next;
  HugePage* previous;
  uint8_t region;
  uint8_t bin;  // kNoBin while on no list
  bool committed;
  Backing backing;
  bool touched;     // used since it last had no memory
  bool displaced;   // its memory was moved here: a mapping of its own
  bool arriving;    // memory is moved here, and what is claimed may turn out inaccessible
  bool split;       // purged in part: the kernel may have small pages for it from then on
  uint8_t sweeps;   // that passed it by since `idle` was set anew
  uint8_t settled;  // looks in a row that found all of it in use since the one before

  uint32_t free_backed() const { return backed & ~used; }
};

static_assert(sizeof(HugePage) == 64);

inline uint32_t slices_in(uint32_t mask) {
  return static_cast<uint32_t>(std::popcount(mask));
}

// Lists of huge pages by the longest run of free slices. Searching from the tightest fit upwards
// fills the fullest pages first, so that whole huge pages become free (Temeraire, OSDI '21).
class HugePageBins {
 public:
  static constexpr uint8_t kNoBin = 0;
  // Wholly free with memory to reuse, wholly free without, and not committed yet. The last are
  // tried last: committing may fail where the others still serve.
  static constexpr uint8_t kFreeBacked = kSlicesPerHugePage;
  static constexpr uint8_t kFreeUnbacked = kSlicesPerHugePage + 1;
  static constexpr uint8_t kUncommitted = kSlicesPerHugePage + 2;
  static constexpr uint8_t kBins = kSlicesPerHugePage + 3;

  HugePage* first(uint8_t bin) const { return heads_[bin]; }
  // Huge pages that are wholly free and hold memory.
  uint32_t reusable() const { return reusable_; }

  // Puts the page where its masks say it belongs.
  void update(HugePage& page) {
    const uint8_t bin = bin_of(page);
    if (bin == page.bin) return;
    unlink(page);
    link(page, bin);
  }

  // Off every list, to be updated on another backing's.
  void remove(HugePage& page) {
    unlink(page);
    page.bin = kNoBin;
  }

 private:
  static uint8_t bin_of(const HugePage& page) {
    if (!page.committed) return kUncommitted;
    if (page.used == 0) return page.backed != 0 ? kFreeBacked : kFreeUnbacked;
    return static_cast<uint8_t>(longest_run(~page.used));
  }

  void link(HugePage& page, uint8_t bin) {
    page.bin = bin;
    if (bin == kNoBin) return;
    if (bin == kFreeBacked) ++reusable_;
    page.previous = nullptr;
    page.next = heads_[bin];
    if (page.next != nullptr) page.next->previous = &page;
    heads_[bin] = &page;
  }

  void unlink(HugePage& page) {
    if (page.bin == kNoBin) return;
    if (page.bin == kFreeBacked) --reusable_;
    if (page.previous != nullptr) {
      page.previous->next = page.next;
    } else {
      heads_[page.bin] = page.next;
    }
    if (page.next != nullptr) page.next->previous = page.previous;
  }

  std::array<HugePage*, kBins> heads_{};
  uint32_t reusable_ = 0;
};

}  // namespace hakmem
