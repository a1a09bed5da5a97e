// Owns: giving retained memory to new spans by moving it.
// Called by: the page heap when it places a span on huge pages without memory.
// Never: the lock held over a system call; live memory moved.
#include "heap/pages/page_heap.h"
#include "heap/pages/slices_of_region.h"
#include "telemetry/counters.h"

namespace hakmem {
namespace {

// Each may cost two mappings; a process has 65,530 (vm.max_map_count).
constexpr uint32_t kMostDisplaced = 512;

}  // namespace

// The target is unmapped and mapped again: where memory is charged, another process might take the
// charge in between.
bool PageHeap::may_move() {
  return displaced_ < kMostDisplaced && !move_refused_.load(std::memory_order_relaxed) &&
         !is_charged();
}

// Huge pages that only [slice, slice + length) uses, and of which it needs more than they hold, get
// their memory from free ones. Of the same kind, if there are any.
void PageHeap::claim_sources(const Region& region, uint32_t slice, Slices length,
                             MemoryMoves& moves) {
  constexpr uint32_t kWorthMoving = 4;  // slices
  if (!may_move()) return;
  for_each_huge_page(region, slice, length, [&](HugePage& page, uint32_t mask) {
    const uint32_t needed = slices_in(mask & ~page.backed);
    if ((page.used & ~mask) != 0 || needed < kWorthMoving || needed <= slices_in(page.backed)) {
      return;
    }
    HugePage* source = reusable_page(page.backing);
    if (source == nullptr || !moves.has_room() || displaced_ >= kMostDisplaced) return;
    claim_whole(*source);
    if (!page.displaced) ++displaced_;
    page.displaced = true;
    page.touched = true;
    const uint32_t rest = ~mask;
    if (rest != 0) claim_rest(page, rest);
    // The span takes retained memory, be it that it has yet to arrive.
    remove_retained(page, mask & page.backed);
    change_backing(page, source->backing);
    add_retained(page, mask);
    page.backed |= mask;
    moves.add({source, &page, rest});
  });
}

// A mapping takes its advice along when it moves. What `page` has free is the caller's to count
// anew.
void PageHeap::change_backing(HugePage& page, Backing backing) {
  if (page.backing == backing) return;
  bins(page.backing).remove(page);
  page.backing = backing;
  update_bin(page);
  promoted_.count += backing == Backing::kHugePage ? 1 : -1;
}

HugePage* PageHeap::reusable_page(Backing backing) {
  HugePage* same = bins(backing).first(HugePageBins::kFreeBacked);
  if (same != nullptr) return same;
  return bins(other_than(backing)).first(HugePageBins::kFreeBacked);
}

// Nobody else may have these slices before the memory has arrived: it replaces what they hold.
void PageHeap::claim_rest(HugePage& page, uint32_t rest) {
  remove_retained(page, page.backed & rest);
  page.backed |= rest;
  page.arriving = true;
  mark_claimed(page, rest);
  ++claims_in_flight_;
  update_bin(page);
}

// False when a target is inaccessible.
bool PageHeap::carry_out(const MemoryMoves& moves) {
  bool all_accessible = true;
  for (const MemoryMoves::Move& move : moves) {
    const MoveResult result = try_move(address_of(*move.from), address_of(*move.to), kHugePageSize);
    const bool moved = result == MoveResult::kMoved;
    if (result == MoveResult::kLost) all_accessible = false;
    if (result == MoveResult::kStayed && move.to->backing == Backing::kHugePage) promote(*move.to);
    if (moved) count(counters.moved_bytes, kHugePageSize);
    LockGuard guard(lock_);
    release_claim({move.from, ~uint32_t{0}}, moved);
    if (move.rest == 0) continue;
    move.to->arriving = false;
    if (result == MoveResult::kLost) {
      keep_lost({move.to, move.rest});
    } else {
      // Whether the kernel dropped what the rest held before it refused is unknown.
      release_claim({move.to, move.rest}, false);
    }
  }
  return all_accessible;
}

// Inaccessible slices stay used for ever, as those of the span do.
void PageHeap::keep_lost(const Claim& claim) {
  claim.page->claimed &= ~claim.slices;
  --claims_in_flight_;
  used_.store(used().count + slices_in(claim.slices), std::memory_order_relaxed);
}

// An old kernel, a filter, too many mappings: memory is faulted in from now on.
MoveResult PageHeap::try_move(void* from, void* to, size_t bytes) {
  if (move_refused_.load(std::memory_order_relaxed)) return MoveResult::kStayed;
  const MoveResult result = backend_->move(from, to, bytes);
  if (result != MoveResult::kMoved) move_refused_.store(true, std::memory_order_relaxed);
  return result;
}

void PageHeap::forget_displacement(HugePage& page) {
  if (!page.displaced) return;
  page.displaced = false;
  --displaced_;
}

}  // namespace hakmem
