// Owns: what follows for freed memory from when it is expected back.
// Called by: the page heap when a span is freed whose next use can be guessed.
// Never: a part of a huge page freed lazily; the lock held over a system call.
#include "base/units.h"
#include "heap/pages/page_heap.h"
#include "heap/pages/slices_of_region.h"
#include "telemetry/counters.h"

namespace hakmem {
namespace {

// The caller of free waits for it: 10 us for a MiB of small pages, a tenth of that on huge ones.
constexpr Slices kMostLazilyFreed{256};

}  // namespace

void PageHeap::note_wanted(uint32_t site) {
  if (site != kUnknownSite && outlook_ != nullptr) {
    outlook_->wanted(site, backend_->coarse_time());
  }
}

// The span is the caller's still, so that nobody uses it while the kernel is told.
MemoryDecision PageHeap::look_ahead(const Span& span, uint32_t site) {
  const Slices length{span.slices};
  Slices small{0};
  bool splits = false;
  {
    LockGuard guard(lock_);
    Region& region = map_.region_of(&span);
    for_each_huge_page(region, PageMap::slice_in(region, &span), length,
                       [&](const HugePage& page, uint32_t mask) {
                         if (page.backing == Backing::kSmallPages) {
                           small.count += slices_in(mask);
                         } else {
                           splits = splits || mask != ~uint32_t{0};
                         }
                       });
  }
  const Backing most = small.count * 2 < length.count ? Backing::kHugePage : Backing::kSmallPages;
  const bool lazily = !splits && small <= kMostLazilyFreed;
  const MemoryDecision decision =
      outlook_->given_up(site, backend_->coarse_time(), length.bytes(), most, lazily);
  if (decision.action != MemoryAction::kLazyFree) return decision;
  if (!backend_->lazily_free(map_.start_of(&span), length.bytes())) return {};
  count(counters.lazily_freed_bytes, length.bytes());
  return decision;
}

void PageHeap::heed(const MemoryDecision& decision, Region& region, uint32_t slice, Slices length) {
  const uint64_t until = backend_->coarse_time() + decision.until_ns;
  for_each_huge_page(region, slice, length, [&](HugePage& page, uint32_t mask) {
    const uint32_t freed = mask & page.backed;
    if (decision.action == MemoryAction::kPurge) {
      // As if the sweep had seen it free before.
      page.idle |= freed;
      return;
    }
    // Those of one huge page go together, when the first is due.
    if (page.lazily_freed == 0) page.lazy_until_ms = static_cast<uint32_t>(until / kMillisecond);
    page.lazily_freed |= freed;
    lazily_freed_.fetch_add(slices_in(freed), std::memory_order_relaxed);
  });
}

}  // namespace hakmem
