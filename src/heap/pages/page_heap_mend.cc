// Owns: the page heap's lists and totals made anew from the masks of its huge pages.
// Called by: heap_mending.cc, in a child of a fork.
// Never: a slice given to somebody that a span may own.
#include "heap/pages/page_heap.h"

namespace hakmem {

__thread uint32_t claims_in_hand __attribute__((tls_model("initial-exec"))) = 0;

void PageHeap::after_fork_in_child() {
  map_.end_walks();
  const bool torn = lock_.take_from_lost_thread();
  // A signal handler forked: the calling thread goes on with what it holds when the handler ends.
  if (lock_.is_mine() || claims_in_hand != 0) return;
  LockGuard guard(lock_);
  if (torn || claims_in_flight_ != 0) recount();
}

// The threads that purged or moved are not in the child, and whether the kernel was asked is
// unknown: what they had claimed is free, holds old contents, and is committed anew where it may
// have been decommitted. Huge pages that only metadata uses are on no list.
void PageHeap::recount() {
  bins_ = {};
  retained_[0].store(0, std::memory_order_relaxed);
  retained_[1].store(0, std::memory_order_relaxed);
  lazily_freed_.store(0, std::memory_order_relaxed);
  claims_in_flight_ = 0;
  displaced_ = 0;
  committed_ = promoted_ = {};
  map_.mend();
  const bool charged = is_charged();
  uint32_t used = 0;
  for (uint32_t region = 0; region < map_.regions(); ++region) {
    for (uint32_t at = 0; at < map_.region(region).watermark; ++at) {
      HugePage& page = map_.region(region).huge_pages[at];
      page.index = at;
      page.region = static_cast<uint8_t>(region);
      page.bin = HugePageBins::kNoBin;
      if (charged && page.claimed == ~uint32_t{0}) page.committed = false;
      if (!page.arriving) page.used &= ~page.claimed;
      page.arriving = false;
      page.claimed = 0;
      page.lazily_freed &= page.free_backed();
      if (page.backing == Backing::kHugePage) ++promoted_.count;
      if (page.displaced) ++displaced_;
      used += slices_in(page.used);
      if (!page.committed && page.used == ~uint32_t{0}) continue;
      if (page.committed) ++committed_.count;
      add_retained(page, page.free_backed());
      lazily_freed_.fetch_add(slices_in(page.lazily_freed), std::memory_order_relaxed);
      update_bin(page);
    }
  }
  used_.store(used - map_.metadata_slices().count, std::memory_order_relaxed);
}

}  // namespace hakmem
