// Owns: every slice of every region: which are used, which hold memory, which go back.
// Called by: slabs and extents (allocate, free), thread exit, trimming. One lock.
// Never: called on a fast path; never a system call under the lock but commit.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "backend/backend.h"
#include "base/lock.h"
#include "base/units.h"
#include "heap/blocks/call_site.h"
#include "heap/pages/claimed_ranges.h"
#include "heap/pages/demand.h"
#include "heap/pages/huge_page.h"
#include "heap/pages/memory_moves.h"
#include "heap/pages/page_map.h"
#include "heap/pages/promotion.h"
#include "policy/knobs.h"

namespace hakmem {

struct PageHeapStatistics {
  size_t mapped_bytes;        // committed for data
  size_t used_bytes;          // owned by slabs and extents
  size_t retained_bytes;      // free, kept backed for reuse
  size_t lazily_freed_bytes;  // of retained_bytes
  size_t metadata_bytes;
};

// Huge-page-aware page heap. Thread-safe. The backend is a parameter so that tests drive it with
// one that fails on purpose.
class PageHeap {
 public:
  constexpr PageHeap() = default;
  PageHeap(const PageHeap&) = delete;
  PageHeap& operator=(const PageHeap&) = delete;

  // Before the first allocation. `backend` stays alive.
  void set_backend(const Backend& backend) { backend_ = &backend; }
  const Backend& backend() const { return *backend_; }

  // A span of `length` slices, its first descriptor returned with `slices` and `zeroed` set and
  // kind still kFree; nullptr when memory or address space is exhausted. `alignment` is a power of
  // two. Spans below a huge page lie inside one.
  // `backing` is a wish: memory of the other kind serves when there is no more of it.
  Span* allocate(Slices length, Slices alignment = {1}, Backing backing = Backing::kSmallPages);

  // The span's memory stays backed for reuse up to the retained limit; where the outlook of its
  // call site says so, the kernel may have it meanwhile, or it goes with the next batch.
  void free(Span* span, uint32_t site = kUnknownSite);

  // Grows a span in place; false when the slices behind it are taken or cannot be committed.
  bool extend(Span* span, Slices length);
  // Gives the slices behind the first `length` back.
  void shrink(Span* span, Slices length);

  // Backs a span below a huge page that was just allocated and reads as zeros, if it is on small
  // pages: for a caller who expects to fill it.
  void populate(const Span& span);

  // Gives the address space back that is reserved and not in use, for a program that limits its
  // own; regions are small from then on. False where there was none.
  bool give_back_reservation();
  // The same, if the kernel says that the process has more than it may have: whoever was refused
  // memory may try again.
  bool meet_address_space_limit();
  // The same with all regions that nothing is used of, contents and all. The first one stays.
  bool give_back_free_regions();

  // Purges until at most `target` stays retained; returns the bytes given back.
  size_t purge_down_to(Slices target);
  // Purges what lay idle for its hold time, a step's worth of it, and what is above the limit.
  // Returns the nanoseconds until the next step; 0 when nothing is retained.
  uint64_t maintain();

  // Who is told what happens to memory; false when the caller of `free` has to give back what is
  // due. Called without the page heap's lock, but by a thread that may be changing its thread heap:
  // no allocation.
  enum class Notice : uint8_t {
    kGrowth,  // fresh memory was taken
    kIdle,    // after a free: time for a step of the sweep
    kExcess,  // after a free: `excess` is retained above the limit
  };
  using Helper = bool (*)(Notice notice, Slices excess);
  void set_helper(Helper helper) { helper_.store(helper, std::memory_order_release); }
  // Now and then, by a thread that frees and allocates without coming here.
  void note_busy_thread();
  // Whether the helper wants to hear of the next free, whatever is due, wherever the memory stays.
  // After the first `true` it makes sure that every thread sees it, and looks once more itself.
  void set_watched(bool watched) { watched_.store(watched, std::memory_order_relaxed); }
  void note_kept_by_thread() {
    if (HAKMEM_UNLIKELY(watched_.load(std::memory_order_relaxed))) tell_of_free({});
  }

  // Who learns when call sites want their memory back. `now_ns` is the backend's coarse time.
  struct Outlook {
    // A span of the site is wanted.
    void (*wanted)(uint32_t site, uint64_t now_ns);
    // One was freed: what becomes of its memory.
    MemoryDecision (*given_up)(uint32_t site, uint64_t now_ns, size_t bytes, MemoryKind kind,
                               bool may_be_lazily_freed);
  };
  // Before other threads allocate; `outlook` stays alive. Without one all memory is held alike.
  void set_outlook(const Outlook& outlook) { outlook_ = &outlook; }
  void note_wanted(uint32_t site);

  // Whether what grows large goes to huge pages now: the system has them, they are cheap, and no
  // child of a fork shares what is written.
  bool huge_pages_pay() const {
    return read_knob(knobs.huge_extents_from) != SIZE_MAX && promotion_.allowed();
  }

  // After a fork: takes no huge pages for the next growth, and makes none for a minute, for what is
  // written is copied while the child lives.
  void pause_promotion();

  // Memory on small pages that grew before huge pages paid and has stayed in use as a whole since
  // may be collapsed. Each call looks at some of it, and one round in `kRoundsToSettle` calls an
  // unchanged huge page settled.
  enum class Settled : uint8_t {
    kNone,      // the round is over: there is nothing
    kSettling,  // the round is over: the next ones may find something
    kLooking,   // the round goes on
    kFound,     // `page` is one
  };
  static constexpr uint8_t kRoundsToSettle = 8;
  Settled next_settled(AddressRange& page);
  // In the parent of a fork: what there is never settles, until some of it is freed, unless some
  // thread is busy with it.
  void keep_unsettled();
  // In the child, which lacks the other threads: none of them has the lock any more.
  void after_fork_in_child();
  // The settled huge page now lies on a transparent huge page.
  void collapsed(const AddressRange& page);

  PageHeapStatistics statistics();

  // A slab or extent that `visit` finds keeps its memory as long as it runs.
  template <class Visit>
  void while_nothing_is_freed(Visit visit) {
    LockGuard guard(lock_);
    visit();
  }

  // What contradicts itself among masks, lists and totals; nullptr: nothing. Under the lock for as
  // long as a walk takes: for tests, and where assertions are on.
  const char* verify();
  void recount_for_tests();

  // A walk over promoted memory, which never goes away, run by run.
  struct PromotedPosition {
    uint32_t region = 0;
    uint32_t index = 0;  // of a huge page
  };
  // The next run of committed promoted huge pages at or behind `position`, which moves behind it;
  // false when there is none.
  bool next_promoted(PromotedPosition& position, AddressRange& run);

  // Without the lock, and perhaps a moment old: owned by slabs and extents, and the most of it
  // within the last hold time.
  const Demand& demand() const { return demand_; }
  // Of used and of free slices, the memory that the kernel has given.
  size_t backed_bytes() const { return (used() + retained()).bytes(); }
  Slices used() const { return {used_.load(std::memory_order_relaxed)}; }

  PageMap& map() { return map_; }
  const PageMap& map() const { return map_; }

 private:
  // Whether a request may take huge pages that hold no memory yet.
  enum class Growth : uint8_t { kNo, kYes };
  enum class Charge : uint8_t { kUnknown, kNo, kYes };

  struct Claim {
    HugePage* page;
    uint32_t slices;
  };

  struct Request {
    Slices length;
    Slices alignment;
    Backing backing;
    MemoryMoves* moves;  // filled for the caller to carry out
    bool any_backing = false;
    bool mostly_backed = false;  // only where most of it holds memory
  };

  Span* try_allocate(Slices length, Slices alignment, Backing backing);
  void took_fresh_memory(const Span& span, Backing backing);
  Span* allocate_locked(const Request& request);
  Span* place(const Request& request, Growth growth);
  Span* place_within_huge_page(const Request& request, Growth growth);
  Span* place_across_huge_pages(const Request& request, Growth growth);
  bool grow(Region& region, HugePages more, Backing backing);
  std::atomic<uint32_t>& retained_in(Backing backing) {
    return retained_[static_cast<size_t>(backing)];
  }
  // Commits `pages` at `first`, at or above the watermark, and makes all up to their end known: in
  // this order, for what the kernel refuses must not leave metadata behind.
  bool grow_committed(Region& region, uint32_t first, HugePages pages, Backing backing);
  void mark_committed(Region& region, uint32_t first, uint32_t end);
  Slices retained(Backing backing) const {
    return {retained_[static_cast<size_t>(backing)].load(std::memory_order_relaxed)};
  }
  Slices retained() const { return retained(Backing::kSmallPages) + retained(Backing::kHugePage); }
  Slices lazily_freed() const { return {lazily_freed_.load(std::memory_order_relaxed)}; }
  Region* region_with_room(HugePages room, bool* added = nullptr);
  static bool is_wholly_free(const Region& region);
  // The fullest huge page that has room, among the first few those whose room is backed already.
  HugePage* find_huge_page(const Request& request, uint32_t allowed_starts, Growth growth) const;
  bool add_huge_page(Backing backing);
  HugePageBins& bins(Backing backing) { return bins_[static_cast<size_t>(backing)]; }
  uint32_t reusable_pages() const {
    return bins(Backing::kSmallPages).reusable() + bins(Backing::kHugePage).reusable();
  }
  const HugePageBins& bins(Backing backing) const { return bins_[static_cast<size_t>(backing)]; }
  void update_bin(HugePage& page) { bins(page.backing).update(page); }
  bool is_free(const Region& region, uint32_t slice, Slices length) const;
  bool commit(Region& region, uint32_t slice, Slices length);
  void promote(const HugePage& page);
  // Promoted huge pages of a span, in a row, that nothing has used since they had no memory. All
  // but the first are the span's alone.
  struct Untouched {
    uint32_t first = 0;  // in the region
    uint32_t count = 0;
  };
  Untouched touch_all_of(const Span& span);
  // Without the lock, before the program has the span.
  void time_first_touch(const Span& span, Untouched untouched);
  void demote(const Span& span, Untouched untouched);
  void mark_used(Region& region, uint32_t slice, Slices length);
  // Free slices of `page` come to hold memory, or no longer do so, or are used.
  void add_retained(HugePage& page, uint32_t slices);
  void remove_retained(HugePage& page, uint32_t slices);
  // The memory of used slices is the user's now; true when all of them still read as zeros.
  // `whole`: the span's length with them.
  bool take(Region& region, uint32_t slice, Slices length, Slices whole);
  void give_back(Region& region, uint32_t slice, Slices length);
  // What becomes of the span's memory; the kernel has it already where that is kLazyFree.
  MemoryDecision look_ahead(const Span& span, uint32_t site);
  void heed(const MemoryDecision& decision, Region& region, uint32_t slice, Slices length);
  Span* make_span(Region& region, uint32_t slice, const Request& request);
  bool may_move();
  void claim_sources(const Region& region, uint32_t slice, Slices length, MemoryMoves& moves);
  HugePage* reusable_page(Backing backing);
  static void mark_claimed(HugePage& page, uint32_t slices);
  void claim_rest(HugePage& page, uint32_t rest);
  void keep_lost(const Claim& claim);
  void change_backing(HugePage& page, Backing backing);
  bool settles(const Region& region, HugePage& page);
  bool carry_out(const MemoryMoves& moves);
  MoveResult try_move(void* from, void* to, size_t bytes);
  void forget_displacement(HugePage& page);
  // vm.overcommit_memory may change while we run; reading it takes microseconds, so that purges do
  // and others take their word.
  void look_at_charge() {
    charge_.store(backend_->commit_is_charged() ? Charge::kYes : Charge::kNo,
                  std::memory_order_relaxed);
  }
  bool is_charged() {
    if (charge_.load(std::memory_order_relaxed) == Charge::kUnknown) look_at_charge();
    return charge_.load(std::memory_order_relaxed) == Charge::kYes;
  }
  Claim claim(HugePage& page, uint32_t slices);
  Claim claim_slices(HugePage& page, uint32_t slices);
  Claim claim_whole(HugePage& page);
  // What may be purged of what is free.
  enum class Patience : uint8_t {
    kNone,            // all
    kOneRound,        // what was free when the sweep last came by
    kOneRoundPaying,  // of that, what pays rent
    kHoldTime,        // what has been free for its hold time and pays rent
  };
  size_t purge_down_to(Slices target, Patience patience);
  struct Sweep {
    uint32_t visits;  // to huge pages, at most
    Slices most;
    Patience patience;
  };
  size_t claim_swept(Sweep& sweep, Claim* claims, size_t capacity);
  uint32_t waiting_for_the_kernel(const HugePage& page) const;
  uint32_t idle_slices(HugePage& page, Patience patience) const;
  uint32_t visits_due(uint32_t now);
  HugePage& next_to_sweep();
  uint32_t known_huge_pages() const;
  Slices retained_limit() const;
  Slices excess() const;  // over that
  void enforce_retained_limit();
  void settle(bool time_to_sweep);
  bool tell_of_free(Slices excess) const;
  bool is_time_to_sweep() const;
  uint32_t coarse_milliseconds() const;  // wraps
  void purge_idle();
  size_t purge_claims(const Claim* claims, size_t count);
  size_t purge_batch(PurgeBatch& batch);
  uint64_t purged_entries(const PurgeBatch& batch) const;
  bool purge_alone(const PurgeBatch::Entry& entry) const;
  size_t purge_whole(const Claim& claim);
  static bool has_own_mapping(const HugePage& page);
  static void count_purge(bool huge, size_t bytes, uint64_t nanoseconds);
  void release_claim(const Claim& claim, bool purged);
  void recount();
  struct Totals;
  Totals count_totals() const;
  void* address_of(const HugePage& page) const {
    return reinterpret_cast<void*>(map_.region(page.region).base +
                                   (size_t{page.index} << kHugePageShift));
  }

  // First, for the fast path: a fixed address plus nothing.
  PageMap map_;
  Lock lock_{LockRank::kPageHeap};
  Promotion promotion_;
  const Backend* backend_ = nullptr;
  std::array<HugePageBins, kBackings> bins_;
  // Read without the lock to see whether there is anything to purge.
  std::array<std::atomic<uint32_t>, kBackings> retained_{};
  std::atomic<uint32_t> lazily_freed_{0};  // slices, of those
  std::atomic<uint32_t> used_{0};          // slices; written under the lock
  HugePages committed_;
  uint32_t claims_in_flight_ = 0;
  uint32_t displaced_ = 0;  // huge pages whose memory came from elsewhere
  std::atomic<bool> move_refused_{false};
  std::atomic<bool> populate_refused_{false};
  std::atomic<Charge> charge_{Charge::kUnknown};
  std::atomic<Helper> helper_{nullptr};
  std::atomic<bool> watched_{false};
  const Outlook* outlook_ = nullptr;
  std::atomic<uint32_t> growths_{0};
  std::atomic<uint32_t> refused_sweeps_{0};  // in a row, of those that found something
  std::atomic<uint32_t> last_sweep_{0};      // milliseconds; written under the lock
  uint32_t last_turn_ = 0;                   // of the demand
  uint32_t sweep_region_ = 0;                // where the sweep goes on
  uint32_t sweep_index_ = 0;
  std::atomic<uint32_t> steps_to_visit_{1};
  uint32_t unvisited_ = 0;        // sixteenths of a huge page that the steps before left over
  uint32_t settling_region_ = 0;  // where the search for settled memory goes on
  uint32_t settling_index_ = 0;
  uint32_t settling_ = 0;  // pages on their way in this round
  uint32_t islands_ = 0;   // collapsed apart from other huge pages
  std::atomic<uint64_t> no_collapse_before_{0};
  Demand demand_;
  HugePages promoted_;  // known as Backing::kHugePage
};

extern constinit HAKMEM_HIDDEN PageHeap page_heap;

// Of the calling thread: scopes in which it has claimed slices.
extern HAKMEM_HIDDEN __thread uint32_t claims_in_hand __attribute__((tls_model("initial-exec")));

class ClaimsInHand {
 public:
  ClaimsInHand() { ++claims_in_hand; }
  ~ClaimsInHand() { --claims_in_hand; }
  ClaimsInHand(const ClaimsInHand&) = delete;
  ClaimsInHand& operator=(const ClaimsInHand&) = delete;
};

}  // namespace hakmem
