// Owns: the check of the page heap against itself.
// Called by: tests and fuzzers; where assertions are on, children of a fork.
// Never: a change.
#include "heap/pages/page_heap.h"

namespace hakmem {

struct PageHeap::Totals {
  std::array<uint32_t, kBackings> retained{};
  uint32_t lazily_freed = 0;
  uint32_t used = 0;
  uint32_t committed = 0;
  uint32_t displaced = 0;
  uint32_t promoted = 0;
  uint32_t in_bins = 0;
  const char* wrong = nullptr;
};

PageHeap::Totals PageHeap::count_totals() const {
  Totals sum;
  for (uint32_t region = 0; region < map_.regions(); ++region) {
    for (uint32_t at = 0; at < map_.region(region).watermark; ++at) {
      const HugePage& page = map_.region(region).huge_pages[at];
      if ((page.claimed & ~page.used) != 0) sum.wrong = "a claimed slice is free";
      if ((page.lazily_freed & ~page.free_backed()) != 0)
        sum.wrong = "a lazily freed slice is not free";
      // Of the first the page map sees to that: metadata lies there.
      const bool metadata = at < HugePages::covering({map_.region(region).metadata_slices}).count;
      if (!page.committed && !metadata && (page.used | page.backed) != 0)
        sum.wrong = "a slice is in use that is not committed";
      sum.retained[static_cast<size_t>(page.backing)] += slices_in(page.free_backed());
      sum.lazily_freed += slices_in(page.lazily_freed);
      sum.used += slices_in(page.used & ~page.claimed);
      sum.committed += page.committed ? 1 : 0;
      sum.displaced += page.displaced ? 1 : 0;
      sum.promoted += page.backing == Backing::kHugePage ? 1 : 0;
      sum.in_bins += page.bin != HugePageBins::kNoBin ? 1 : 0;
    }
  }
  sum.used -= map_.metadata_slices().count;
  return sum;
}

const char* PageHeap::verify() {
  LockGuard guard(lock_);
  if (map_.regions() == 0) return nullptr;
  const Totals sum = count_totals();
  if (sum.wrong != nullptr) return sum.wrong;
  for (const Backing backing : {Backing::kSmallPages, Backing::kHugePage}) {
    if (retained(backing).count != sum.retained[static_cast<size_t>(backing)]) {
      return "the total of retained slices";
    }
  }
  if (lazily_freed().count != sum.lazily_freed) return "the total of lazily freed slices";
  if (used().count != sum.used) return "the total of used slices";
  if (committed_.count != sum.committed) return "the total of committed huge pages";
  if (displaced_ != sum.displaced) return "the total of displaced huge pages";
  if (promoted_.count != sum.promoted) return "the total of promoted huge pages";
  uint32_t listed = 0;
  for (const Backing backing : {Backing::kSmallPages, Backing::kHugePage}) {
    for (uint32_t bin = 1; bin < HugePageBins::kBins; ++bin) {
      const HugePage* previous = nullptr;
      for (const HugePage* page = bins(backing).first(static_cast<uint8_t>(bin)); page != nullptr;
           page = page->next) {
        if (page->bin != bin || page->backing != backing) return "a huge page on the wrong list";
        if (page->previous != previous) return "a list's links";
        previous = page;
        ++listed;
      }
    }
  }
  return listed == sum.in_bins ? nullptr : "a huge page that its list does not know";
}

void PageHeap::recount_for_tests() {
  LockGuard guard(lock_);
  recount();
}

}  // namespace hakmem
