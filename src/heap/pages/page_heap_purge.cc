// Owns: giving retained memory back to the kernel.
// Called by: the page heap when more is retained than the knobs allow or memory is short; trimming.
// Never: a range handed to the kernel that is not claimed (marked used) first, or live memory would
// be zeroed; never the lock held over a system call.
//
//   settle                   after a free: hands over to the helper, or does it here
//     purge_idle             what has not been needed for the hold time, a little at a time
//     enforce_retained_limit
//       purge_down_to        the same sweep, until little enough is retained
//   maintain                 the same two, for the helper
//   purge_claims             all end here
//     purge_batch, release_claim
#include <algorithm>
#include <array>

#include "base/assert.h"
#include "base/store_order.h"
#include "heap/pages/claimed_ranges.h"
#include "heap/pages/page_heap.h"
#include "heap/threads/thread_cache.h"
#include "policy/knobs.h"
#include "telemetry/counters.h"

namespace hakmem {
namespace {

constexpr uint32_t kSweepSteps = 16;   // in a round
constexpr size_t kShortestRound = 64;  // milliseconds: the coarse clock ticks every 1 to 10
constexpr uint32_t kMostRefusals = 12;
// A part of a huge page splits it, so that has to lie idle for longer.
constexpr uint32_t kPatienceWithParts = 8;

// A round of the sweep takes the shorter of the hold times.
size_t round_milliseconds() {
  const size_t small = read_hold(Backing::kSmallPages);
  const size_t huge = read_hold(Backing::kHugePage);
  if (small == 0 || huge == 0) return std::max(small, huge);
  return std::max(std::min(small, huge), kShortestRound);
}

// Rounds that free memory of a kind stays; 0: for ever.
uint32_t rounds_of(Backing backing) {
  const size_t hold = read_hold(backing);
  if (hold == 0) return 0;
  const size_t round = round_milliseconds();
  return static_cast<uint32_t>(std::max((hold + round / 2) / round, size_t{1}));
}

}  // namespace

// What the kernel may take is no burden, but counts below the limit that is set from outside.
Slices PageHeap::retained_limit() const {
  // What threads keep for themselves counts as well.
  const size_t all = read_knob(knobs.retained_limit);
  const size_t left = all - std::min(all, cache_quotas.granted().bytes());
  const Slices limit{static_cast<uint32_t>(left >> kSliceShift)};
  if (read_hold(Backing::kSmallPages) == 0) return limit;
  return std::min(limit, demand_.spare(used()) + lazily_freed());
}

// With a little slack, so that purges come in batches; not below the limit, which may be in use
// again in a moment.
Slices PageHeap::excess() const {
  const Slices limit = retained_limit();
  const Slices now = retained();
  return now.count > limit.count + limit.count / 16 ? now - limit : Slices{0};
}

void PageHeap::enforce_retained_limit() {
  if (excess() != Slices{0}) purge_down_to(retained_limit(), Patience::kOneRoundPaying);
  // Only what the kernel may take is left, and it is too much.
  if (excess() != Slices{0}) purge_down_to(retained_limit(), Patience::kOneRound);
}

void PageHeap::settle(bool time_to_sweep) {
  const Slices more = excess();
  const bool watched = watched_.load(std::memory_order_relaxed);
  if (!time_to_sweep && !watched && more == Slices{0}) return;
  if (tell_of_free(more)) return;
  if (time_to_sweep) purge_idle();
  enforce_retained_limit();
}

bool PageHeap::tell_of_free(Slices excess) const {
  const Helper helper = helper_.load(std::memory_order_relaxed);
  return helper != nullptr && helper(excess != Slices{0} ? Notice::kExcess : Notice::kIdle, excess);
}

// The thread's frees stay in its slabs: nothing else would look at the time. Who sleeps until there
// is something sleeps on: this is nothing yet.
void PageHeap::note_busy_thread() {
  if (watched_.load(std::memory_order_relaxed)) return;
  settle(is_time_to_sweep());
}

uint64_t PageHeap::maintain() {
  purge_idle();
  enforce_retained_limit();
  const size_t round = round_milliseconds();
  if (retained() == Slices{0} || round == 0) return 0;
  const uint32_t refusals = refused_sweeps_.load(std::memory_order_relaxed);
  const uint32_t steps = steps_to_visit_.load(std::memory_order_relaxed);
  return (uint64_t{round} * kMillisecond * steps / kSweepSteps) << refusals;
}

uint32_t PageHeap::coarse_milliseconds() const {
  return static_cast<uint32_t>(backend_->coarse_time() / kMillisecond);
}

bool PageHeap::is_time_to_sweep() const {
  const auto round = static_cast<uint32_t>(round_milliseconds());
  return round != 0 &&
         coarse_milliseconds() - last_sweep_.load(std::memory_order_relaxed) >= round / kSweepSteps;
}

// Bounded, for some thread's free may wait for it; what is left comes with the next step.
void PageHeap::purge_idle() {
  constexpr size_t kMostClaims = 16;
  constexpr Slices kMostPurged{128};
  if (!is_time_to_sweep()) return;
  look_at_charge();
  const ClaimsInHand in_hand;
  Claim claims[kMostClaims];
  size_t claimed;
  {
    LockGuard guard(lock_);
    if (!is_time_to_sweep()) return;
    const uint32_t now = coarse_milliseconds();
    const uint32_t visits = visits_due(now);
    if (now - last_turn_ >= read_hold(Backing::kSmallPages)) {
      last_turn_ = now;
      demand_.turn(used());
    }
    Sweep sweep{.visits = visits, .most = kMostPurged, .patience = Patience::kHoldTime};
    claimed = claim_swept(sweep, claims, kMostClaims);
  }
  if (claimed == 0) return;
  const size_t bytes = purge_claims(claims, claimed);
  // What the kernel does not take is asked about ever more rarely: 4 ms to 16 s.
  const uint32_t refusals = refused_sweeps_.load(std::memory_order_relaxed);
  refused_sweeps_.store(bytes > 0 ? 0 : std::min(refusals + 1, kMostRefusals),
                        std::memory_order_relaxed);
}

// Once around in a round, however few there are: what is visited twice goes after half its time.
uint32_t PageHeap::visits_due(uint32_t now) {
  const auto step = std::max(static_cast<uint32_t>(round_milliseconds()) / kSweepSteps, 1u);
  const uint32_t last = last_sweep_.load(std::memory_order_relaxed);
  const uint32_t steps = (now - last) / step;
  last_sweep_.store(steps < kSweepSteps ? last + steps * step : now, std::memory_order_relaxed);
  const uint32_t known = std::max(known_huge_pages(), 1u);
  unvisited_ += known * std::min(steps, kSweepSteps);
  const uint32_t visits = unvisited_ / kSweepSteps;
  unvisited_ %= kSweepSteps;
  steps_to_visit_.store((kSweepSteps - unvisited_ + known - 1) / known, std::memory_order_relaxed);
  return visits;
}

// What the sweep finds; `sweep` is left with what remains to be done.
size_t PageHeap::claim_swept(Sweep& sweep, Claim* claims, size_t capacity) {
  constexpr uint32_t kMostVisits = 1024;  // under the lock
  size_t claimed = 0;
  for (uint32_t count = 0; count < kMostVisits && sweep.visits > 0; ++count, --sweep.visits) {
    if (claimed == capacity || sweep.most == Slices{0}) break;
    HugePage& page = next_to_sweep();
    const uint32_t idle = idle_slices(page, sweep.patience);
    if (idle == 0) continue;
    claims[claimed++] = claim(page, idle);
    sweep.most.count -= std::min(sweep.most.count, slices_in(idle));
  }
  return claimed;
}

HugePage& PageHeap::next_to_sweep() {
  while (sweep_index_ >= map_.region(sweep_region_).watermark) {
    sweep_index_ = 0;
    sweep_region_ = (sweep_region_ + 1) % map_.regions();
  }
  return map_.region(sweep_region_).huge_pages[sweep_index_++];
}

// Lazily freed memory pays no rent: the kernel takes it when it is short.
uint32_t PageHeap::waiting_for_the_kernel(const HugePage& page) const {
  if (page.lazily_freed == 0) return 0;
  const uint32_t left = page.lazy_until_ms - coarse_milliseconds();
  return static_cast<int32_t>(left) > 0 ? page.lazily_freed : 0;
}

// The slices that were free a number of rounds ago and since.
uint32_t PageHeap::idle_slices(HugePage& page, Patience patience) const {
  const uint32_t free = page.free_backed();
  if (patience == Patience::kNone) return free;
  uint32_t rounds = patience == Patience::kHoldTime ? rounds_of(page.backing) : 1;
  if (rounds == 0) return 0;
  const bool huge = page.backing == Backing::kHugePage;
  const bool all_free = page.used == 0;
  if (huge && !all_free) rounds *= kPatienceWithParts;
  constexpr uint32_t kMostRounds = 255;
  if (++page.sweeps < std::min(rounds, kMostRounds)) return 0;
  page.sweeps = 0;
  uint32_t idle = page.idle & free;
  if (patience != Patience::kOneRound) idle &= ~waiting_for_the_kernel(page);
  page.idle = free;
  // The rest will have been free as long a round later.
  const bool splits_in_vain = huge && all_free && idle != free;
  return splits_in_vain ? 0 : idle;
}

size_t PageHeap::purge_down_to(Slices target) {
  return purge_down_to(target, target == Slices{0} ? Patience::kNone : Patience::kOneRound);
}

// A clock: what was used since the hand last came by gets another round, unless all is to go.
size_t PageHeap::purge_down_to(Slices target, Patience patience) {
  constexpr size_t kMostClaims = 64;
  constexpr uint32_t kMostFutile = 4;
  // Twice around make everything idle, parts of huge pages only after their sweeps.
  constexpr uint32_t kRounds = 2 + 2 * kPatienceWithParts;
  if (retained() <= target) return 0;
  // It takes microseconds: with the steps of the sweep, and when all is to go.
  if (target == Slices{0}) look_at_charge();
  Sweep sweep{.visits = 0, .most = {}, .patience = patience};
  {
    LockGuard guard(lock_);
    sweep.visits = kRounds * known_huge_pages();
  }
  const ClaimsInHand in_hand;
  Claim claims[kMostClaims];
  size_t bytes = 0;
  // Locked memory among what is purged is left out; where nothing is taken, it ends.
  uint32_t futile = 0;
  while (sweep.visits > 0 && retained() > target && futile < kMostFutile) {
    size_t claimed;
    {
      LockGuard guard(lock_);
      if (retained() <= target) break;
      sweep.most = retained() - target;
      claimed = claim_swept(sweep, claims, kMostClaims);
    }
    if (claimed == 0) continue;
    const size_t purged = purge_claims(claims, claimed);
    bytes += purged;
    futile = purged > 0 ? 0 : futile + 1;
    if (target != Slices{0}) {
      LockGuard guard(lock_);
      demand_.sold(Slices::covering(purged));
    }
  }
  return bytes;
}

uint32_t PageHeap::known_huge_pages() const {
  uint32_t known = 0;
  for (uint32_t index = 0; index < map_.regions(); ++index) known += map_.region(index).watermark;
  return known;
}

PageHeap::Claim PageHeap::claim(HugePage& page, uint32_t slices) {
  // The last memory of a huge page: it goes as a whole where that makes a difference. A promoted
  // one is backed as a whole, also where nobody ever used it.
  const bool last = page.used == 0 && (page.backed & ~slices) == 0;
  const bool promoted = page.backing == Backing::kHugePage;
  if (last && (promoted || page.displaced || is_charged())) return claim_whole(page);
  return claim_slices(page, slices);
}

// Used last: a child of a fork lets go of what is claimed.
void PageHeap::mark_claimed(HugePage& page, uint32_t slices) {
  HAKMEM_ASSERT((page.used & slices) == 0);
  page.claimed |= slices;
  keep_store_order();
  page.used |= slices;
}

PageHeap::Claim PageHeap::claim_slices(HugePage& page, uint32_t slices) {
  remove_retained(page, slices);
  page.split = page.backing == Backing::kHugePage;
  mark_claimed(page, slices);
  ++claims_in_flight_;
  update_bin(page);
  return {&page, slices};
}

// Of a wholly free huge page, also what holds no memory.
PageHeap::Claim PageHeap::claim_whole(HugePage& page) {
  remove_retained(page, page.backed);
  page.backed = ~uint32_t{0};
  mark_claimed(page, ~uint32_t{0});
  ++claims_in_flight_;
  update_bin(page);
  return {&page, ~uint32_t{0}};
}

// Or a page table, which the kernel keeps before Linux 6.14 when memory is purged: mapped anew, it
// becomes one mapping with its neighbours, and one huge page.
bool PageHeap::has_own_mapping(const HugePage& page) {
  return page.displaced || page.split;
}

// How many bytes the kernel took; the rest is released unpurged.
size_t PageHeap::purge_claims(const Claim* claims, size_t count_of_claims) {
  const size_t most = read_knob(knobs.purge_batch);
  PurgeBatch batch;
  size_t bytes = 0;
  for (size_t index = 0; index < count_of_claims; ++index) {
    const Claim& claim = claims[index];
    const bool whole = claim.slices == ~uint32_t{0};
    if (whole && (has_own_mapping(*claim.page) || is_charged())) {
      bytes += purge_whole(claim);
      continue;
    }
    const bool fits = batch.has_room() && batch.ranges() < most;
    if (!fits || !batch.is_of(claim.page->backing)) bytes += purge_batch(batch);
    batch.add(claim.page, claim.slices, address_of(*claim.page));
  }
  return bytes + purge_batch(batch);
}

size_t PageHeap::purge_batch(PurgeBatch& batch) {
  if (batch.empty()) return 0;
  const uint64_t start = backend_->cpu_time();
  const uint64_t purged = purged_entries(batch);
  const uint64_t took = backend_->cpu_time() - start;
  size_t bytes = 0;
  {
    LockGuard guard(lock_);
    uint32_t index = 0;
    for (const PurgeBatch::Entry& entry : batch) {
      const bool done = (purged >> index++ & 1) != 0;
      release_claim({entry.page, entry.slices}, done);
      if (done) bytes += Slices{slices_in(entry.slices)}.bytes();
    }
  }
  count_purge(batch.is_of(Backing::kHugePage), bytes, took);
  batch.clear();
  return bytes;
}

// A bit for each. What the kernel does not take, for a page in it is locked, ends neither the batch
// nor the purge of its neighbours.
uint64_t PageHeap::purged_entries(const PurgeBatch& batch) const {
  std::array<bool, PurgeBatch::kRanges> purged{};
  const size_t ranges = batch.ranges();
  for (size_t at = 0; at < ranges; ++at) {
    const size_t taken = backend_->purge(batch.first_range() + at, ranges - at);
    std::fill_n(purged.begin() + at, taken, true);
    at += taken;
  }
  uint64_t entries = 0;
  uint64_t bit = 1;
  for (const PurgeBatch::Entry& entry : batch) {
    const bool done = std::all_of(purged.begin() + entry.first, purged.begin() + entry.end,
                                  [](bool is) { return is; });
    if (done || purge_alone(entry)) entries |= bit;
    bit <<= 1;
  }
  return entries;
}

bool PageHeap::purge_alone(const PurgeBatch::Entry& entry) const {
  ClaimedRanges<kSlicesPerHugePage, 1> alone;
  alone.add(entry.page, entry.slices, address_of(*entry.page));
  return backend_->purge(alone.first_range(), alone.ranges()) == alone.ranges();
}

// A wholly free huge page that gives more back than its pages: the charge, or its own mapping.
size_t PageHeap::purge_whole(const Claim& claim) {
  HugePage& page = *claim.page;
  const bool huge = page.backing == Backing::kHugePage;
  const bool decommit = is_charged();
  const uint64_t start = backend_->cpu_time();
  const bool accepted = decommit ? backend_->decommit(address_of(page), kHugePageSize)
                                 : backend_->renew(address_of(page), kHugePageSize);
  const uint64_t took = backend_->cpu_time() - start;
  if (accepted && !decommit && huge) promote(page);
  {
    LockGuard guard(lock_);
    if (accepted) {
      forget_displacement(page);
      page.split = false;
    }
    // A child of a fork may have found it decommitted already.
    if (decommit && accepted && page.committed) {
      page.committed = false;
      --committed_.count;
      count(counters.decommitted_bytes, kHugePageSize);
    }
    release_claim(claim, accepted);
  }
  const size_t bytes = accepted ? kHugePageSize : 0;
  count_purge(huge, bytes, took);
  return bytes;
}

void PageHeap::count_purge(bool huge, size_t bytes, uint64_t nanoseconds) {
  count(counters.purges);
  count(counters.purged_bytes, bytes);
  count(counters.purge_nanoseconds, nanoseconds);
  if (!huge) return;
  count(counters.huge_purged_bytes, bytes);
  count(counters.huge_purge_nanoseconds, nanoseconds);
}

void PageHeap::release_claim(const Claim& claim, bool purged) {
  HAKMEM_ASSERT(lock_.is_mine());
  HAKMEM_ASSERT((claim.page->used & claim.slices) == claim.slices);
  claim.page->used &= ~claim.slices;
  keep_store_order();
  claim.page->claimed &= ~claim.slices;
  --claims_in_flight_;
  if (purged) {
    claim.page->backed &= ~claim.slices;
    if (claim.page->backed == 0) claim.page->touched = false;
  } else {
    add_retained(*claim.page, claim.slices);
  }
  update_bin(*claim.page);
}

}  // namespace hakmem
