// Owns: placement of spans on huge pages, what is used and what is retained of each.
// Called by: see page_heap.h.
// Never: a huge page of one backing handed out as the other.
//
//   allocate
//     try_allocate               a promoted huge page is touched here, and timed
//       took_fresh_memory        so is a small page now and then
//     allocate_locked
//       place_within_huge_page   below 2 MiB: the fullest huge page that has room
//       place_across_huge_pages  2 MiB and more: the tightest run of slices (free_run.cc), or
//                                fresh address space, from the start of a huge page
//         grow, commit           page_heap_grow.cc
//     carry_out                  page_heap_move.cc: memory for it from elsewhere
//     meet_address_space_limit, purge_down_to, give_back_free_regions
//                              when memory is short; each once more
//   free
//     look_ahead                 page_heap_outlook.cc: what is known of its next use
//     give_back, heed
//     settle                     page_heap_purge.cc
#include "heap/pages/page_heap.h"

#include <algorithm>

#include "base/assert.h"
#include "base/store_order.h"
#include "heap/pages/free_run.h"
#include "heap/pages/slices_of_region.h"
#include "policy/knobs.h"
#include "telemetry/counters.h"

namespace hakmem {
namespace {

// The slice positions within a huge page that are multiples of `alignment`.
uint32_t aligned_positions(Slices alignment) {
  uint32_t mask = 1;
  for (uint32_t step = alignment.count; step < kSlicesPerHugePage; step *= 2) mask |= mask << step;
  return mask;
}

// Of a fault, in percent of what holding the memory for the hold time of small pages costs.
uint32_t worth_of_fault(Backing backing) {
  const size_t small = read_hold(Backing::kSmallPages);
  if (backing == Backing::kSmallPages || small == 0) return 100;
  return static_cast<uint32_t>(std::min(read_hold(Backing::kHugePage) * 100 / small, size_t{100}));
}

}  // namespace

constinit PageHeap page_heap;

Span* PageHeap::allocate(Slices length, Slices alignment, Backing backing) {
  // One page is tried before many are.
  if (backing == Backing::kHugePage && length.count > kSlicesPerHugePage &&
      promotion_.is_untried()) {
    if (Span* trial = allocate({1}, {1}, backing)) free(trial);
  }
  if (Span* span = try_allocate(length, alignment, backing)) return span;
  if (meet_address_space_limit()) {
    if (Span* span = try_allocate(length, alignment, backing)) return span;
  }
  // Retained memory may be what stands in the way (commit charge, cgroup limits).
  purge_down_to({0});
  if (Span* span = try_allocate(length, alignment, backing)) return span;
  return give_back_free_regions() ? try_allocate(length, alignment, backing) : nullptr;
}

Span* PageHeap::try_allocate(Slices length, Slices alignment, Backing backing) {
  const ClaimsInHand in_hand;
  MemoryMoves moves;
  Span* span;
  Untouched untouched;
  {
    LockGuard guard(lock_);
    span = allocate_locked({length, alignment, backing, &moves});
    if (span != nullptr) untouched = touch_all_of(*span);
  }
  // An inaccessible span stays used for ever: after one such move there is no other.
  if (!moves.empty() && !carry_out(moves)) return nullptr;
  if (untouched.count != 0) time_first_touch(*span, untouched);
  if (span != nullptr && span->zeroed) took_fresh_memory(*span, backing);
  return span;
}

void PageHeap::took_fresh_memory(const Span& span, Backing backing) {
  constexpr uint32_t kSampled = 64;
  const uint32_t number = growths_.fetch_add(1, std::memory_order_relaxed);
  if (backing == Backing::kSmallPages && number % kSampled == kSampled - 1) {
    const uint64_t took = backend_->first_touch(map_.start_of(&span), kSliceSize);
    count(counters.small_touched_bytes, kSliceSize);
    count(counters.small_touch_nanoseconds, took);
    promotion_.small_pages_took(took, kSliceSize);
  }
  if (const Helper helper = helper_.load(std::memory_order_relaxed)) helper(Notice::kGrowth, {});
}

void PageHeap::populate(const Span& span) {
  if (populate_refused_.load(std::memory_order_relaxed)) return;
  {
    LockGuard guard(lock_);
    const Region& region = map_.region_of(&span);
    const uint32_t slice = PageMap::slice_in(region, &span);
    if (region.huge_pages[slice / kSlicesPerHugePage].backing == Backing::kHugePage) return;
  }
  const size_t bytes = Slices{span.slices}.bytes();
  const uint64_t start = backend_->cpu_time();
  if (!backend_->populate(map_.start_of(&span), bytes)) {
    populate_refused_.store(true, std::memory_order_relaxed);
    return;
  }
  count(counters.populated_bytes, bytes);
  count(counters.small_touched_bytes, bytes);
  const uint64_t took = backend_->cpu_time() - start;
  count(counters.small_touch_nanoseconds, took);
  promotion_.small_pages_took(took, bytes);
}

Span* PageHeap::allocate_locked(const Request& request) {
  HAKMEM_ASSERT(lock_.is_mine());
  HAKMEM_ASSERT(request.length.count > 0);
  const bool huge = request.backing == Backing::kHugePage;
  Request other = request;
  other.backing = other_than(request.backing);
  if (Span* span = place(request, Growth::kNo)) return span;
  // What lies idle is worth more than the right backing, unless it is little.
  if (retained(other.backing).count > used().count / 8) {
    other.mostly_backed = true;
    if (Span* span = place(other, Growth::kNo)) return span;
    other.mostly_backed = false;
  }
  if (!huge || promotion_.allowed()) {
    if (Span* span = place(request, Growth::kYes)) return span;
  }
  if (Span* span = place(other, Growth::kYes)) return span;
  // There is no more address space: a dear page is better than none, and a run of both kinds.
  if (Span* span = place(request, Growth::kYes)) return span;
  other.any_backing = true;
  return place(other, Growth::kYes);
}

Span* PageHeap::place(const Request& request, Growth growth) {
  const bool within =
      request.length.count < kSlicesPerHugePage && request.alignment.count <= kSlicesPerHugePage;
  return within ? place_within_huge_page(request, growth)
                : place_across_huge_pages(request, growth);
}

Span* PageHeap::place_within_huge_page(const Request& request, Growth growth) {
  const Slices length = request.length;
  const uint32_t allowed = aligned_positions(request.alignment);
  HugePage* page;
  while ((page = find_huge_page(request, allowed, growth)) == nullptr) {
    if (growth == Growth::kNo || !add_huge_page(request.backing)) return nullptr;
  }
  const uint32_t starts = starts_of_runs(~page->used, length.count) & allowed;
  const uint32_t reusable = starts & starts_of_runs(page->free_backed(), length.count);
  const auto position = static_cast<uint32_t>(std::countr_zero(reusable != 0 ? reusable : starts));
  return make_span(map_.region(page->region), page->index * kSlicesPerHugePage + position, request);
}

HugePage* PageHeap::find_huge_page(const Request& request, uint32_t allowed_starts,
                                   Growth growth) const {
  constexpr uint32_t kMostLooks = 16;
  const Slices length = request.length;
  const Backing backing = request.backing;
  const bool fresh = growth == Growth::kYes;
  const uint32_t last = fresh ? HugePageBins::kUncommitted : HugePageBins::kFreeBacked;
  const bool some_backed = retained(backing) >= length;
  HugePage* fullest = nullptr;
  uint32_t looks = 0;
  for (uint32_t bin = length.count; bin <= last; ++bin) {
    for (HugePage* page = bins(backing).first(static_cast<uint8_t>(bin)); page != nullptr;
         page = page->next) {
      if ((starts_of_runs(~page->used, length.count) & allowed_starts) == 0) continue;
      const uint32_t backed = starts_of_runs(page->free_backed(), length.count) & allowed_starts;
      if (backed != 0 || (!some_backed && !request.mostly_backed)) return page;
      if (fullest == nullptr && !request.mostly_backed) fullest = page;
      if (++looks == kMostLooks) return fullest;
    }
  }
  return fullest;
}

Span* PageHeap::place_across_huge_pages(const Request& request, Growth growth) {
  const auto [length, alignment, backing, moves, any_backing, mostly_backed] = request;
  RunRequest wanted{.length = length,
                    .alignment = alignment.bytes(),
                    .backing = backing,
                    .any_backing = any_backing,
                    .committed = growth == Growth::kNo,
                    .movable = may_move() ? reusable_pages() : 0};
  if (mostly_backed) wanted.most_cost = length.count * kFaultCost / 4;
  FreeRun run;
  for (uint32_t index = 0; index < map_.regions(); ++index) {
    search_region(map_.region(index), index, wanted, run);
  }
  if (run.found()) return make_span(map_.region(run.region), run.first, request);
  if (growth == Growth::kNo) return nullptr;
  const size_t step = std::max(alignment.bytes(), kHugePageSize);
  const HugePages all = HugePages::covering(length);
  const HugePages slack{static_cast<uint32_t>(step >> kHugePageShift) - 1};
  Region* region = region_with_room({all.count + slack.count});
  if (region == nullptr) return nullptr;
  const uintptr_t fresh = region->base + HugePages{region->watermark}.bytes();
  const auto first =
      static_cast<uint32_t>((round_up(fresh, step) - region->base) >> kHugePageShift);
  if (!grow_committed(*region, first, all, backing)) return nullptr;
  return make_span(*region, first * kSlicesPerHugePage, request);
}

Span* PageHeap::make_span(Region& region, uint32_t slice, const Request& request) {
  const Slices length = request.length;
  if (!commit(region, slice, length)) return nullptr;
  // Marked used before sources are looked for, or the span would be one of its own.
  mark_used(region, slice, length);
  claim_sources(region, slice, length, *request.moves);
  Span* span = region.span_at(slice);
  span->slices = length.count;
  span->zeroed = take(region, slice, length, length) && request.moves->empty();
  return span;
}

// The program touches all of it, untimed: none of it is a first touch when it is used again.
PageHeap::Untouched PageHeap::touch_all_of(const Span& span) {
  const Region& region = map_.region_of(&span);
  Untouched untouched;
  bool in_a_row = true;
  const auto visit = [&](HugePage& page, uint32_t mask) {
    const bool promoted = page.backing == Backing::kHugePage && !page.touched;
    page.touched = true;
    if (untouched.count == 0 && promoted) {
      untouched = {.first = page.index, .count = 1};
    } else if (untouched.count != 0) {
      in_a_row = in_a_row && promoted && mask == ~uint32_t{0};
      if (in_a_row) ++untouched.count;
    }
  };
  for_each_huge_page(region, PageMap::slice_in(region, &span), {span.slices}, visit);
  return untouched;
}

void PageHeap::time_first_touch(const Span& span, Untouched untouched) {
  const HugePage& page = map_.region_of(&span).huge_pages[untouched.first];
  void* start = std::max(map_.start_of(&span), address_of(page));
  const uint64_t took = backend_->first_touch(start, backend_->page_size());
  count(counters.huge_touched_bytes, kHugePageSize);
  count(counters.huge_touch_nanoseconds, took);
  const bool dear = promotion_.first_touch_took(took, {untouched.count});
  if (dear && untouched.count > 1) demote(span, {untouched.first + 1, untouched.count - 1});
}

void PageHeap::mark_used(Region& region, uint32_t slice, Slices length) {
  for_each_huge_page(region, slice, length, [&](HugePage& page, uint32_t mask) {
    HAKMEM_ASSERT((page.used & mask) == 0);
    HAKMEM_ASSERT(page.committed);
    page.used |= mask;
    update_bin(page);
  });
}

bool PageHeap::take(Region& region, uint32_t slice, Slices length, Slices whole) {
  bool zeroed = true;
  for_each_huge_page(region, slice, length, [&](HugePage& page, uint32_t mask) {
    const uint32_t reused = page.backed & mask;
    if (reused != 0) zeroed = false;
    remove_retained(page, reused);
    const Slices fresh{slices_in(mask & ~reused)};
    demand_.bought(fresh, whole, worth_of_fault(page.backing));
    if (page.backing == Backing::kSmallPages) promotion_.grew(fresh);
    page.backed |= mask;
    page.idle &= ~mask;
  });
  const Slices now_used = used() + length;
  used_.store(now_used.count, std::memory_order_relaxed);
  demand_.saw(now_used);
  return zeroed;
}

void PageHeap::give_back(Region& region, uint32_t slice, Slices length) {
  for_each_huge_page(region, slice, length, [&](HugePage& page, uint32_t mask) {
    HAKMEM_ASSERT((page.used & mask) == mask);
    HAKMEM_ASSERT((page.claimed & mask) == 0);
    add_retained(page, page.backed & mask);
    page.used &= ~mask;
    page.settled = 0;
    update_bin(page);
  });
  HAKMEM_ASSERT(used() >= length);
  used_.store((used() - length).count, std::memory_order_relaxed);
}

void PageHeap::add_retained(HugePage& page, uint32_t slices) {
  retained_in(page.backing).fetch_add(slices_in(slices), std::memory_order_relaxed);
}

void PageHeap::remove_retained(HugePage& page, uint32_t slices) {
  HAKMEM_ASSERT((slices & ~page.backed) == 0);
  HAKMEM_ASSERT(retained(page.backing).count >= slices_in(slices));
  retained_in(page.backing).fetch_sub(slices_in(slices), std::memory_order_relaxed);
  // The kernel takes a huge page as a whole or, once part of it is written, not at all.
  const bool whole = page.backing == Backing::kHugePage && slices != 0;
  const uint32_t taken = page.lazily_freed & (whole ? ~uint32_t{0} : slices);
  lazily_freed_.fetch_sub(slices_in(taken), std::memory_order_relaxed);
  page.lazily_freed &= ~taken;
}

void PageHeap::free(Span* span, uint32_t site) {
  MemoryDecision decision;
  if (site != kUnknownSite && outlook_ != nullptr) decision = look_ahead(*span, site);
  bool sweep;
  {
    LockGuard guard(lock_);
    sweep = is_time_to_sweep();
    Region& region = map_.region_of(span);
    span->kind.store(SpanKind::kFree, std::memory_order_relaxed);
    span->owner.store(0, std::memory_order_relaxed);
    keep_store_order();
    const uint32_t slice = PageMap::slice_in(region, span);
    give_back(region, slice, {span->slices});
    if (decision.action != MemoryAction::kKeep) heed(decision, region, slice, {span->slices});
  }
  settle(sweep);
}

bool PageHeap::is_free(const Region& region, uint32_t slice, Slices length) const {
  if (slice + length.count > region.watermark * kSlicesPerHugePage) return false;
  bool free = true;
  for_each_huge_page(region, slice, length, [&](const HugePage& page, uint32_t mask) {
    free = free && (page.used & mask) == 0;
  });
  return free;
}

bool PageHeap::extend(Span* span, Slices length) {
  LockGuard guard(lock_);
  Region& region = map_.region_of(span);
  const uint32_t end = PageMap::slice_in(region, span) + span->slices;
  const Slices more = length - Slices{span->slices};
  const uint32_t last = end + more.count;
  const Backing backing = region.huge_pages[(end - 1) / kSlicesPerHugePage].backing;
  const uint32_t known = region.watermark * kSlicesPerHugePage;
  if (end < known && !is_free(region, end, {std::min(last, known) - end})) return false;
  if (last > known) {
    const HugePages pages = HugePages::covering({last - known});
    if (pages.count > region.total - region.watermark ||
        !grow_committed(region, region.watermark, pages, backing)) {
      return false;
    }
  }
  if (!commit(region, end, more)) return false;
  mark_used(region, end, more);
  take(region, end, more, length);
  keep_store_order();
  span->slices = length.count;
  return true;
}

void PageHeap::shrink(Span* span, Slices length) {
  {
    LockGuard guard(lock_);
    Region& region = map_.region_of(span);
    const uint32_t end = PageMap::slice_in(region, span) + length.count;
    const Slices rest = Slices{span->slices} - length;
    // First: a child of a fork may find the rest free, and free the span.
    span->slices = length.count;
    keep_store_order();
    give_back(region, end, rest);
  }
  settle(false);
}

PageHeapStatistics PageHeap::statistics() {
  LockGuard guard(lock_);
  return {.mapped_bytes = committed_.bytes(),
          .used_bytes = used().bytes(),
          .retained_bytes = retained().bytes(),
          .lazily_freed_bytes = lazily_freed().bytes(),
          .metadata_bytes = map_.metadata_bytes()};
}

bool PageHeap::next_promoted(PromotedPosition& position, AddressRange& run) {
  LockGuard guard(lock_);
  for (; position.region < map_.regions(); ++position.region, position.index = 0) {
    const Region& region = map_.region(position.region);
    const auto is_promoted = [&region](uint32_t index) {
      const HugePage& page = region.huge_pages[index];
      return page.backing == Backing::kHugePage && page.committed;
    };
    uint32_t& index = position.index;
    while (index < region.watermark && !is_promoted(index)) ++index;
    if (index >= region.watermark) continue;
    const uint32_t first = index;
    while (index < region.watermark && is_promoted(index)) ++index;
    run = {.start = address_of(region.huge_pages[first]),
           .bytes = HugePages{index - first}.bytes()};
    return true;
  }
  return false;
}

}  // namespace hakmem
