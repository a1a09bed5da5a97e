// Owns: best fit over the slices of a region.
// Called by: see free_run.h.
// Never: a run that contains a slice in use.
#include "heap/pages/free_run.h"

#include <algorithm>
#include <bit>

#include "base/bits.h"

namespace hakmem {
namespace {

// With something found already, a very large heap is not searched to its end.
constexpr uint32_t kEnoughVisits = 8192;

// Of faulting in a whole huge page at once: 40 to 220 us.
constexpr uint32_t kHugeFaultCost = 30;

uint32_t cost_of(const Region& region, uint32_t slice, uint32_t length, uint32_t movable) {
  uint32_t cost = 0;
  while (length > 0) {
    const uint32_t offset = slice % kSlicesPerHugePage;
    const uint32_t here = std::min(length, kSlicesPerHugePage - offset);
    const HugePage& page = region.huge_pages[slice / kSlicesPerHugePage];
    const uint32_t backed = page.backed;
    if (backed == 0 && here == kSlicesPerHugePage && movable > 0) {
      --movable;
      ++cost;
    } else if (backed == 0 && page.backing == Backing::kHugePage) {
      cost += std::min(kHugeFaultCost, kFaultCost * here);
    } else {
      cost += kFaultCost * (here - slices_in((backed >> offset) & low_mask(here)));
    }
    slice += here;
    length -= here;
  }
  return cost;
}

class Search {
 public:
  Search(const Region& region, uint32_t index, const RunRequest& request, FreeRun& best)
      : region_(region), index_(index), request_(request), best_(best) {}

  void run() {
    uint32_t index = 0;
    for (; index < region_.watermark; ++index) {
      if (index >= kEnoughVisits && best_.found()) break;
      visit(index * kSlicesPerHugePage, free_slices(region_.huge_pages[index]));
    }
    close(index * kSlicesPerHugePage);
  }

 private:
  uint32_t free_slices(const HugePage& page) const {
    const bool usable = (page.backing == request_.backing || request_.any_backing) &&
                        (page.committed || !request_.committed);
    return usable ? ~page.used : 0;
  }

  void visit(uint32_t slice, uint32_t free) {
    uint32_t at = 0;
    while (at < kSlicesPerHugePage) {
      const uint32_t rest = free >> at;
      if (open_) {
        at += static_cast<uint32_t>(std::countr_one(rest));
        if (at < kSlicesPerHugePage) close(slice + at);
      } else {
        if (rest == 0) return;
        at += static_cast<uint32_t>(std::countr_zero(rest));
        start_ = slice + at;
        open_ = true;
      }
    }
  }

  // The run from start_ to `end` is complete.
  void close(uint32_t end) {
    if (!open_) return;
    open_ = false;
    const uint32_t length = request_.length.count;
    const uintptr_t address = region_.base + Slices{start_}.bytes();
    const size_t skipped = (round_up(address, request_.alignment) - address) >> kSliceShift;
    if (end - start_ < skipped || end - start_ - skipped < length) return;
    FreeRun run{.region = index_,
                .first = start_ + static_cast<uint32_t>(skipped),
                .cost = 0,
                .left_over = end - start_ - length};
    if (best_.found() && !run.is_better_than(best_)) return;
    run.cost = cost_of(region_, run.first, length, request_.movable);
    if (run.cost <= request_.most_cost && run.is_better_than(best_)) best_ = run;
  }

  const Region& region_;
  const uint32_t index_;
  const RunRequest& request_;
  FreeRun& best_;
  uint32_t start_ = 0;
  bool open_ = false;
};

}  // namespace

void search_region(const Region& region, uint32_t index, const RunRequest& request, FreeRun& best) {
  Search(region, index, request, best).run();
}

}  // namespace hakmem
