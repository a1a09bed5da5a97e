#include "heap/pages/page_heap.h"

#include <gtest/gtest.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "base/assert.h"
#include "page_heap_fixture.h"
#include "policy/knobs.h"

namespace hakmem {
namespace {

TEST_F(PageHeapTest, SpansLieInsideOneHugePage) {
  for (uint32_t length = 1; length < kSlicesPerHugePage; ++length) {
    Span* span = heap_.allocate({length});
    ASSERT_NE(span, nullptr);
    const auto first = reinterpret_cast<uintptr_t>(start(span));
    EXPECT_EQ(first / kHugePageSize, (first + Slices{length}.bytes() - 1) / kHugePageSize);
    EXPECT_TRUE(span->zeroed);
    memset(start(span), 1, Slices{length}.bytes());
  }
}

TEST_F(PageHeapTest, LargeSpansStartOnAHugePageAndDonateTheirTail) {
  Span* large = heap_.allocate({kSlicesPerHugePage + 1});
  ASSERT_NE(large, nullptr);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(start(large)) % kHugePageSize, 0u);
  // What is left of the second huge page serves others.
  Span* tail = heap_.allocate({kSlicesPerHugePage - 1});
  EXPECT_EQ(start(tail), start(large) + Slices{kSlicesPerHugePage + 1}.bytes());
}

TEST_F(PageHeapTest, ALargeSpanTakesTheTightestRunAcrossHugePages) {
  const auto allocate = [this](uint32_t slices) { return heap_.allocate({slices}); };
  Span* wide = allocate(3 * kSlicesPerHugePage);
  Span* between = allocate(kSlicesPerHugePage);
  Span* tight = allocate(kSlicesPerHugePage + 8);
  Span* rest = allocate(kSlicesPerHugePage - 8);
  char* const place = start(tight);
  memset(start(wide), 1, Slices{wide->slices}.bytes());
  memset(place, 1, Slices{tight->slices}.bytes());
  heap_.free(wide);
  heap_.free(tight);
  Span* fit = allocate(kSlicesPerHugePage + 4);
  EXPECT_EQ(start(fit), place);
  EXPECT_FALSE(fit->zeroed);
  for (Span* span : {between, rest, fit}) heap_.free(span);
}

TEST_F(PageHeapTest, VerifyFindsWhatIsBroken) {
  Span* span = heap_.allocate({3});
  ASSERT_EQ(heap_.verify(), nullptr);
  HugePage& page = heap_.map().region_of(span).huge_pages[0];
  const auto broken = [&](auto member, uint32_t bits) {
    const uint32_t before = page.*member;
    page.*member ^= bits;
    const char* found = heap_.verify();
    page.*member = before;
    return found != nullptr;
  };
  const uint32_t free_slice = 1u << 31;
  EXPECT_TRUE(broken(&HugePage::used, free_slice));
  EXPECT_TRUE(broken(&HugePage::backed, free_slice));
  EXPECT_TRUE(broken(&HugePage::claimed, free_slice));
  EXPECT_TRUE(broken(&HugePage::lazily_freed, ~uint32_t{0}));
  page.committed = false;
  EXPECT_NE(heap_.verify(), nullptr);
  page.committed = true;
  EXPECT_EQ(heap_.verify(), nullptr);
  heap_.free(span);
}

TEST_F(PageHeapTest, WhatIsFreedTwiceEndsInAnAssertion) {
  if (!kAssertions) GTEST_SKIP() << "assertions are off in this build";
  Span* span = heap_.allocate({3});
  heap_.free(span);
  EXPECT_DEATH(heap_.free(span), "assertion.*page.used & mask");
}

// Memory that lies free between live spans, in pieces of one huge page.
class MovedMemoryTest : public PageHeapTest {
 protected:
  static constexpr uint32_t kPieces = 6;

  void SetUp() override {
    PageHeapTest::SetUp();
    std::vector<Span*> pieces;
    for (uint32_t index = 0; index < 2 * kPieces; ++index) {
      Span* piece = heap_.allocate({kSlicesPerHugePage});
      memset(start(piece), 'a' + static_cast<int>(index), kHugePageSize);
      (index % 2 == 0 ? pieces : live_).push_back(piece);
    }
    for (Span* piece : pieces) heap_.free(piece);
  }

  void expect_live_untouched() {
    for (uint32_t index = 0; index < kPieces; ++index) {
      const char* bytes = start(live_[index]);
      const char letter = static_cast<char>('a' + 2 * index + 1);
      const auto other = [letter](char byte) { return byte != letter; };
      EXPECT_EQ(std::find_if(bytes, bytes + kHugePageSize, other), bytes + kHugePageSize);
    }
  }

  std::vector<Span*> live_;
};

TEST_F(MovedMemoryTest, RetainedMemoryMovesToWhereASpanNeedsIt) {
  const size_t retained = heap_.statistics().retained_bytes;
  Span* span = heap_.allocate({kPieces * kSlicesPerHugePage});
  ASSERT_NE(span, nullptr);
  EXPECT_EQ(fake.moves, kPieces);
  EXPECT_FALSE(span->zeroed);
  EXPECT_EQ(heap_.statistics().retained_bytes, retained - HugePages{kPieces}.bytes());
  // It arrived with what it held, and is the span's alone.
  for (uint32_t index = 0; index < kPieces; ++index) {
    EXPECT_NE(start(span)[HugePages{index}.bytes()], 0);
  }
  memset(start(span), 'z', HugePages{kPieces}.bytes());
  expect_live_untouched();
  // Where it came from reads as zeros and serves again.
  Span* reused = heap_.allocate({kSlicesPerHugePage});
  EXPECT_TRUE(reused->zeroed);
  EXPECT_EQ(start(reused)[12345], 0);
  heap_.free(reused);
  heap_.free(span);
}

TEST_F(MovedMemoryTest, AKernelThatRefusesIsAskedOnce) {
  fake.refuse_move = true;
  for (int round = 0; round < 3; ++round) {
    Span* span = heap_.allocate({kPieces * kSlicesPerHugePage});
    ASSERT_NE(span, nullptr);
    memset(start(span), 'z', HugePages{kPieces}.bytes());
    heap_.free(span);
  }
  EXPECT_EQ(fake.moves, 1u);
  expect_live_untouched();
}

TEST_F(MovedMemoryTest, ATargetThatIsLostIsNeverHandedOut) {
  fake.lose_move = true;
  std::vector<Span*> spans;
  for (int count = 0; count < 3; ++count) {
    Span* span = heap_.allocate({kPieces * kSlicesPerHugePage});
    ASSERT_NE(span, nullptr);
    memset(start(span), 'z', HugePages{kPieces}.bytes());
    spans.push_back(span);
  }
  EXPECT_EQ(fake.moves, 1u);
  for (Span* span : spans) heap_.free(span);
  heap_.purge_down_to({0});
  expect_live_untouched();
}

// The kernel may keep the page table of one that was purged in part, and then gives it small pages.
TEST_F(PageHeapTest, AHugePageThatWasPurgedInPartIsMappedAnewWhenTheRestGoes) {
  Span* stays = heap_.allocate({20}, {kSlicesPerHugePage}, Backing::kHugePage);
  Span* goes = heap_.allocate({12}, {1}, Backing::kHugePage);
  memset(start(stays), 's', Slices{20}.bytes());
  memset(start(goes), 'g', Slices{12}.bytes());
  heap_.free(goes);
  heap_.purge_down_to({0});
  EXPECT_EQ(start(stays)[Slices{20}.bytes() - 1], 's');
  const size_t renewed = fake.renewed_bytes;
  heap_.free(stays);
  heap_.purge_down_to({0});
  EXPECT_EQ(fake.renewed_bytes, renewed + kHugePageSize);
  // Once: it is whole again.
  heap_.free(heap_.allocate({kSlicesPerHugePage}, {kSlicesPerHugePage}, Backing::kHugePage));
  heap_.purge_down_to({0});
  EXPECT_EQ(fake.renewed_bytes, renewed + kHugePageSize);
}

TEST_F(MovedMemoryTest, WhatWasMovedIsMappedAnewWhenItGoesBack) {
  Span* span = heap_.allocate({kPieces * kSlicesPerHugePage});
  heap_.free(span);
  heap_.purge_down_to({0});
  EXPECT_EQ(fake.renewed_bytes, HugePages{kPieces}.bytes());
  span = heap_.allocate({kPieces * kSlicesPerHugePage});
  EXPECT_TRUE(span->zeroed);
  for (uint32_t index = 0; index < kPieces; ++index) {
    EXPECT_EQ(start(span)[HugePages{index}.bytes()], 0);
  }
  expect_live_untouched();
}

TEST_F(PageHeapTest, ChurnOfLargeSpansKeepsContents) {
  std::mt19937 random(7);
  struct Live {
    Span* span;
    uint32_t tag;
  };
  std::vector<Live> live;
  const auto each_slice = [this](const Live& block, auto visit) {
    for (uint32_t slice = 0; slice < block.span->slices; ++slice) {
      visit(reinterpret_cast<uint32_t*>(start(block.span) + Slices{slice}.bytes())[slice]);
    }
  };
  for (uint32_t step = 0; step < 4000; ++step) {
    fake.coarse_time += 5'000'000;
    if (live.size() < 24) {
      const uint32_t length = 1 + random() % (random() % 4 == 0 ? 200 : 60);
      const auto backing = random() % 2 == 0 ? Backing::kHugePage : Backing::kSmallPages;
      Live block{heap_.allocate({length}, {1}, backing), step};
      ASSERT_NE(block.span, nullptr);
      const bool zeroed = block.span->zeroed;
      each_slice(block, [&](uint32_t& word) {
        if (zeroed) EXPECT_EQ(word, 0u);
        word = step;
      });
      live.push_back(block);
      continue;
    }
    const size_t index = random() % live.size();
    each_slice(live[index], [&](uint32_t word) { ASSERT_EQ(word, live[index].tag); });
    heap_.free(live[index].span);
    live[index] = live.back();
    live.pop_back();
  }
  EXPECT_GT(fake.moves, 50u);
  EXPECT_GT(fake.purged_bytes, 0u);
}

TEST_F(PageHeapTest, PurgingAllOrToATargetReachesPartsOfHugePages) {
  for (const Slices target : {Slices{0}, Slices{7}}) {
    Span* freed = heap_.allocate({20}, {1}, Backing::kHugePage);
    Span* kept = heap_.allocate({10}, {1}, Backing::kHugePage);
    heap_.free(freed);
    heap_.purge_down_to(target);
    EXPECT_LE(heap_.statistics().retained_bytes, target.bytes());
    heap_.free(kept);
    heap_.purge_down_to({0});
    EXPECT_EQ(heap_.statistics().retained_bytes, 0u);
  }
}

TEST_F(PageHeapTest, APromotedHugePageGoesWithWhatNobodyUsedOfIt) {
  Span* keep = heap_.allocate({kSlicesPerHugePage}, {1}, Backing::kHugePage);
  Span* part = heap_.allocate({20}, {1}, Backing::kHugePage);
  heap_.free(part);
  EXPECT_EQ(heap_.purge_down_to({0}), kHugePageSize);
  EXPECT_EQ(fake.purged_ranges, 1u);
  EXPECT_EQ(heap_.statistics().retained_bytes, 0u);
  heap_.free(keep);
}

TEST_F(PageHeapTest, AHugePagePurgedInPiecesIsNotChargedInTheEnd) {
  fake.commit_is_charged = true;
  Span* first = heap_.allocate({16}, {kSlicesPerHugePage});
  Span* second = heap_.allocate({16});
  const size_t mapped = heap_.statistics().mapped_bytes;
  heap_.free(first);
  heap_.purge_down_to({0});
  heap_.free(second);
  heap_.purge_down_to({0});
  EXPECT_EQ(heap_.statistics().retained_bytes, 0u);
  EXPECT_EQ(heap_.statistics().mapped_bytes, mapped - kHugePageSize);
}

TEST_F(PageHeapTest, ADecommitThatAForkInterruptedCountsOnce) {
  fake.commit_is_charged = true;
  static PageHeap* forking;
  forking = &heap_;
  Backend backend = kFakeBackend;
  backend.decommit = [](void* start, size_t bytes) {
    const pid_t child = fork();
    if (child == 0) {
      const size_t mapped = forking->statistics().mapped_bytes;
      forking->set_backend(kFakeBackend);
      claims_in_hand = 0;  // as another thread's purge
      forking->after_fork_in_child();
      forking->purge_down_to({0});
      _exit(forking->statistics().mapped_bytes + kHugePageSize == mapped ? 0 : 1);
    }
    int status = -1;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    return kFakeBackend.decommit(start, bytes);
  };
  heap_.set_backend(backend);
  heap_.free(heap_.allocate({kSlicesPerHugePage}));
  heap_.purge_down_to({0});
  heap_.set_backend(kFakeBackend);
}

TEST_F(PageHeapTest, WhatWasNeverInUseAtOnceIsNotKept) {
  // One after another: no more than a quarter was in use at once.
  std::vector<Span*> spans;
  for (int count = 0; count < 4; ++count)
    spans.push_back(heap_.allocate({32 * kSlicesPerHugePage}));
  for (Span* span : spans) heap_.free(span);
  EXPECT_EQ(heap_.statistics().retained_bytes, HugePages{128}.bytes());
  // The peak is over two hold times later; then a part of what is in use stays, or 4 MiB.
  Span* used = heap_.allocate({32 * kSlicesPerHugePage});
  for (int tick = 0; tick < 48; ++tick) {
    fake.coarse_time += 62'500'001;
    heap_.free(heap_.allocate({1}));
  }
  EXPECT_LE(heap_.statistics().retained_bytes, size_t{4} << 20);
  heap_.free(used);
}

TEST_F(PageHeapTest, BackingsNeverShareAHugePageAndMeetInFewPlaces) {
  constexpr uint32_t kSpans = 40 * kSlicesPerHugePage;
  std::map<uintptr_t, Backing> backing_of;
  for (uint32_t index = 0; index < kSpans; ++index) {
    for (const Backing backing : {Backing::kSmallPages, Backing::kHugePage}) {
      Span* span = heap_.allocate({1}, {1}, backing);
      ASSERT_NE(span, nullptr);
      const uintptr_t page = reinterpret_cast<uintptr_t>(start(span)) / kHugePageSize;
      EXPECT_EQ(backing_of.try_emplace(page, backing).first->second, backing);
    }
  }
  std::set<uintptr_t> promoted;
  for (const AddressRange& range : fake.promoted) {
    EXPECT_EQ(range.bytes, kHugePageSize);
    promoted.insert(reinterpret_cast<uintptr_t>(range.start) / kHugePageSize);
  }
  uint32_t meetings = 0;
  Backing before = Backing::kSmallPages;
  for (const auto& [page, backing] : backing_of) {
    EXPECT_EQ(promoted.contains(page), backing == Backing::kHugePage);
    meetings += backing != before ? 1 : 0;
    before = backing;
  }
  EXPECT_LE(meetings, 16u);
}

TEST_F(PageHeapTest, BackedRoomGoesBeforeFreshRoomOfAFullerHugePage) {
  Span* fuller = heap_.allocate({20});  // leaves fresh room behind it
  Span* freed = heap_.allocate({30});
  char* const backed = start(freed);
  heap_.free(freed);
  Span* reused = heap_.allocate({4});
  EXPECT_GE(start(reused), backed);
  EXPECT_LT(start(reused), backed + Slices{30}.bytes());
  heap_.free(reused);
  heap_.free(fuller);
}

TEST_F(PageHeapTest, WhatIsNotNeededAgainGoesBackAfterTheHoldTime) {
  const uint64_t kTick = read_hold(Backing::kSmallPages) * 1'000'000 / 10;
  Span* idle = heap_.allocate({20 * kSlicesPerHugePage});
  Span* busy = heap_.allocate({20 * kSlicesPerHugePage});
  memset(start(idle), 1, HugePages{20}.bytes());
  heap_.free(idle);
  for (int tick = 0; tick < 60; ++tick) {
    fake.coarse_time += kTick;
    memset(start(busy), 1, HugePages{20}.bytes());
    heap_.free(busy);
    busy = heap_.allocate({20 * kSlicesPerHugePage});
    if (tick == 8) EXPECT_EQ(fake.purged_bytes, 0u);
  }
  // All of the one, nothing of the other.
  EXPECT_EQ(fake.purged_bytes, 40u << 20);
  heap_.free(busy);
}

TEST_F(PageHeapTest, IdleMemoryOfOneBackingServesTheOther) {
  for (const Backing first : {Backing::kSmallPages, Backing::kHugePage}) {
    const Backing second =
        first == Backing::kSmallPages ? Backing::kHugePage : Backing::kSmallPages;
    const size_t mapped = heap_.statistics().mapped_bytes;
    for (const Backing backing : {first, second, first}) {
      std::vector<Span*> spans;
      for (int count = 0; count < 256; ++count) {
        spans.push_back(heap_.allocate({1}, {1}, backing));
        ASSERT_NE(spans.back(), nullptr);
      }
      for (Span* span : spans) heap_.free(span);
    }
    // Once, and what is little enough to grow for.
    EXPECT_LE(heap_.statistics().mapped_bytes, mapped + (20u << 20));
  }
}

TEST_F(PageHeapTest, DearFirstTouchesPausePromotion) {
  const auto allocate_promoted = [this] {
    Span* span = heap_.allocate({kSlicesPerHugePage / 2}, {1}, Backing::kHugePage);
    EXPECT_NE(span, nullptr);
    const auto page = reinterpret_cast<uintptr_t>(start(span)) / kHugePageSize;
    return std::any_of(fake.promoted.begin(), fake.promoted.end(), [&](const AddressRange& range) {
      return reinterpret_cast<uintptr_t>(range.start) / kHugePageSize == page;
    });
  };
  EXPECT_TRUE(allocate_promoted());
  EXPECT_TRUE(allocate_promoted());
  fake.first_touch_nanoseconds = 5'000'000;
  // After a few dear touches growth takes small pages, for a while.
  uint32_t dear = 0;
  while (allocate_promoted() && dear < 100) ++dear;
  EXPECT_LT(dear, 16u);
  uint32_t pause = 1;
  while (!allocate_promoted()) ++pause;
  EXPECT_GE(pause, 16u);
  // Dear again: a longer pause. Then cheap: none.
  EXPECT_TRUE(allocate_promoted());
  fake.first_touch_nanoseconds = 50'000;
  uint32_t longer = 0;
  while (!allocate_promoted()) ++longer;
  EXPECT_GT(longer, pause + pause / 2);
  for (int count = 0; count < 40; ++count) EXPECT_TRUE(allocate_promoted());
}

// A later touch of what the program touched in between is no price of a huge page.
TEST_F(PageHeapTest, AHugePageIsTimedWhenNothingHasUsedItBefore) {
  heap_.free(heap_.allocate({1}, {1}, Backing::kHugePage));  // the trial
  Span* several = heap_.allocate({4 * kSlicesPerHugePage}, {1}, Backing::kHugePage);
  const uint32_t timed = fake.first_touches;
  heap_.free(several);
  for (int count = 0; count < 4; ++count) {
    heap_.allocate({kSlicesPerHugePage}, {1}, Backing::kHugePage);
  }
  EXPECT_EQ(fake.first_touches, timed);
  heap_.allocate({4 * kSlicesPerHugePage}, {1}, Backing::kHugePage);
  EXPECT_EQ(fake.first_touches, timed + 1);
}

// Contents, too: the mapping is made anew before the span is anybody's.
TEST_F(PageHeapTest, ADearFirstTouchLeavesTheRestOfTheSpanOnSmallPages) {
  heap_.free(heap_.allocate({1}, {1}, Backing::kHugePage));  // the trial
  Span* before = heap_.allocate({20}, {1}, Backing::kHugePage);
  memset(start(before), 'x', Slices{20}.bytes());
  fake.first_touch_nanoseconds = 5'000'000;
  Span* dear = heap_.allocate({8 * kSlicesPerHugePage}, {1}, Backing::kHugePage);
  EXPECT_EQ(fake.renewed_bytes, 7 * kHugePageSize);
  memset(start(dear), 'y', Slices{8 * kSlicesPerHugePage}.bytes());
  EXPECT_EQ(start(before)[Slices{20}.bytes() - 1], 'x');
  // The pause holds for growth; what was promoted before still serves.
  PageHeap::PromotedPosition position;
  AddressRange run;
  size_t promoted = 0;
  while (heap_.next_promoted(position, run)) promoted += run.bytes;
  EXPECT_EQ(promoted, fake.promoted.size() * kHugePageSize - 7 * kHugePageSize);
  heap_.free(dear);
  heap_.free(before);
}

TEST_F(PageHeapTest, WhatIsPopulatedHasItsMemoryAndReadsAsZeros) {
  Span* span = heap_.allocate({3});
  if (!kFakeBackend.populate(start(span), kSliceSize)) GTEST_SKIP() << "before Linux 5.14";
  heap_.populate(*span);
  std::vector<unsigned char> resident(Slices{3}.bytes() / kFakeBackend.page_size());
  ASSERT_EQ(mincore(start(span), Slices{3}.bytes(), resident.data()), 0);
  for (const unsigned char page : resident) EXPECT_EQ(page & 1, 1);
  for (size_t at = 0; at < Slices{3}.bytes(); ++at) ASSERT_EQ(start(span)[at], 0);
}

TEST_F(PageHeapTest, AKernelThatPopulatesNothingIsAskedOnce) {
  fake.refuse_populate = true;
  for (int count = 0; count < 3; ++count) heap_.populate(*heap_.allocate({1}));
  EXPECT_EQ(fake.populates, 1u);
}

TEST_F(PageHeapTest, TheWalkOverPromotedMemoryFindsWhatWasPromotedInRuns) {
  fake.limits.physical_bytes = size_t{4} << 20;  // several regions
  PageHeap::PromotedPosition none;
  AddressRange run;
  EXPECT_FALSE(heap_.next_promoted(none, run));
  for (int count = 0; count < 12; ++count) {
    heap_.allocate({kSlicesPerHugePage}, {1}, Backing::kSmallPages);
    heap_.allocate({20}, {1}, Backing::kHugePage);
    heap_.allocate({3 * kSlicesPerHugePage}, {1}, Backing::kHugePage);
  }
  std::set<uintptr_t> expected;
  for (const AddressRange& range : fake.promoted) {
    expected.insert(reinterpret_cast<uintptr_t>(range.start));
  }
  std::set<uintptr_t> found;
  size_t runs = 0;
  PageHeap::PromotedPosition position;
  for (; heap_.next_promoted(position, run); ++runs) {
    for (size_t offset = 0; offset < run.bytes; offset += kHugePageSize) {
      EXPECT_TRUE(found.insert(reinterpret_cast<uintptr_t>(run.start) + offset).second);
    }
  }
  EXPECT_EQ(found, expected);
  EXPECT_LT(runs, found.size() / 2);
  EXPECT_GT(heap_.map().regions(), 1u);
}

TEST_F(PageHeapTest, ExhaustionEndsAPauseAndMixesBackings) {
  fake.largest_reservation = size_t{16} << 20;
  fake.reserves_until_failure = 1;
  fake.first_touch_nanoseconds = 5'000'000;  // every huge page is dear
  const auto fill = [this](uint32_t length, Backing backing) {
    std::vector<Span*> spans;
    while (Span* span = heap_.allocate({length}, {1}, backing)) spans.push_back(span);
    for (Span* span : spans) heap_.free(span);
    return spans.size();
  };
  const size_t first = fill(1, Backing::kHugePage);
  heap_.purge_down_to({0});
  EXPECT_EQ(fill(1, Backing::kHugePage), first);
  EXPECT_EQ(fill(1, Backing::kSmallPages), first);
  // 14 MiB in one piece, of whatever kinds it is.
  EXPECT_EQ(fill(7 * kSlicesPerHugePage, Backing::kSmallPages), 1u);
}

TEST_F(PageHeapTest, AnyBackingServesWhenTheOtherIsExhausted) {
  fake.largest_reservation = size_t{16} << 20;
  fake.reserves_until_failure = 1;
  uint32_t spans = 0;
  while (heap_.allocate({1}, {1}, Backing::kHugePage) != nullptr) ++spans;
  EXPECT_EQ(heap_.allocate({1}), nullptr);
  // All of it but the metadata, the small pages beside the metadata included.
  EXPECT_GE(spans, 7 * kSlicesPerHugePage + 1);
}

TEST_F(PageHeapTest, FillsTheFullestHugePageFirst) {
  Span* a = heap_.allocate({kSlicesPerHugePage});
  Span* b = heap_.allocate({kSlicesPerHugePage});
  // The huge page that the region's metadata ends in.
  while (heap_.allocate({1}) + 1 < a) {
  }
  heap_.free(a);
  heap_.free(b);
  Span* part = heap_.allocate({20});
  Span* second = heap_.allocate({8});
  EXPECT_EQ(reinterpret_cast<uintptr_t>(start(part)) / kHugePageSize,
            reinterpret_cast<uintptr_t>(start(second)) / kHugePageSize);
}

TEST_F(PageHeapTest, EveryAlignmentIsExact) {
  for (uint32_t alignment = 1; alignment <= 128; alignment *= 2) {
    for (const uint32_t length : {1u, 5u, 31u, 32u, 33u, 100u}) {
      Span* span = heap_.allocate({length}, {alignment});
      ASSERT_NE(span, nullptr) << alignment << " " << length;
      EXPECT_EQ(reinterpret_cast<uintptr_t>(start(span)) % Slices{alignment}.bytes(), 0u);
      EXPECT_EQ(span->slices, length);
      heap_.free(span);
    }
  }
}

TEST_F(PageHeapTest, ReusedMemoryIsNotCalledZero) {
  Span* span = heap_.allocate({4});
  memset(start(span), 0xff, Slices{4}.bytes());
  heap_.free(span);
  span = heap_.allocate({4});
  EXPECT_FALSE(span->zeroed);
  heap_.free(span);
  heap_.purge_down_to({0});
  span = heap_.allocate({4});
  EXPECT_TRUE(span->zeroed);
  for (size_t at = 0; at < Slices{4}.bytes(); ++at) ASSERT_EQ(start(span)[at], 0);
}

TEST_F(PageHeapTest, RetainsUpToTheLimit) {
  knobs.retained_limit.store(size_t{8} << 20);
  std::vector<Span*> spans;
  for (int count = 0; count < 16; ++count) spans.push_back(heap_.allocate({kSlicesPerHugePage}));
  for (int count = 0; count < 4; ++count) heap_.free(spans[count]);
  EXPECT_EQ(fake.purged_bytes, 0u);
  EXPECT_EQ(heap_.statistics().retained_bytes, size_t{8} << 20);
  for (int count = 4; count < 16; ++count) heap_.free(spans[count]);
  EXPECT_GT(fake.purged_bytes, size_t{20} << 20);
  EXPECT_LE(heap_.statistics().retained_bytes, size_t{8} << 20);
}

TEST_F(PageHeapTest, RefusedPurgeKeepsTheMemoryUsable) {
  Span* span = heap_.allocate({8});
  memset(start(span), 7, Slices{8}.bytes());
  heap_.free(span);
  fake.refuse_purge = true;
  EXPECT_EQ(heap_.purge_down_to({0}), 0u);
  EXPECT_EQ(heap_.statistics().retained_bytes, Slices{8}.bytes());
  span = heap_.allocate({8});
  ASSERT_NE(span, nullptr);
  EXPECT_FALSE(span->zeroed);
}

// All of it is one range: where the kernel meets a locked page in it, it stops.
TEST_F(PageHeapTest, ALockedPageKeepsItsHugePageAndNoMore) {
  knobs.retained_limit.store(SIZE_MAX);
  std::vector<Span*> spans;
  for (int count = 0; count < 16; ++count) {
    spans.push_back(heap_.allocate({kSlicesPerHugePage}));
    memset(start(spans.back()), 1, kHugePageSize);
  }
  fake.locked = start(spans[5]) + kHugePageSize / 2;
  for (Span* span : spans) heap_.free(span);
  EXPECT_EQ(heap_.purge_down_to({0}), 15 * kHugePageSize);
  EXPECT_EQ(heap_.statistics().retained_bytes, kHugePageSize);
}

TEST_F(PageHeapTest, WhatIsRefusedIsAskedAboutEverMoreRarely) {
  knobs.retained_limit.store(SIZE_MAX);
  Span* span = heap_.allocate({kSlicesPerHugePage});
  memset(start(span), 1, kHugePageSize);
  heap_.free(span);
  fake.refuse_purge = true;
  uint64_t pause = 0;
  uint64_t elapsed = 0;
  int calls = 0;
  for (; elapsed < 60'000 * kMillisecond; elapsed += pause, ++calls) {
    fake.coarse_time += pause;
    pause = heap_.maintain();
    ASSERT_NE(pause, 0u);
  }
  EXPECT_LT(calls, 100) << "within a minute";
  fake.refuse_purge = false;
  fake.coarse_time += pause;
  heap_.maintain();
  EXPECT_EQ(heap_.maintain(), 0u) << "nothing is left";
}

TEST_F(PageHeapTest, CommitFailureIsExhaustionAndRecovers) {
  std::vector<Span*> spans = {heap_.allocate({kSlicesPerHugePage})};
  fake.commits_until_failure = 0;
  EXPECT_EQ(heap_.allocate({kSlicesPerHugePage * 4}), nullptr);
  heap_.free(spans[0]);
  EXPECT_NE(heap_.allocate({kSlicesPerHugePage}), nullptr);
  fake.commits_until_failure = SIZE_MAX;
  EXPECT_NE(heap_.allocate({kSlicesPerHugePage * 4}), nullptr);
}

TEST_F(PageHeapTest, WhatIsCommittedServesWhereCommittingFails) {
  Span* large = heap_.allocate({kSlicesPerHugePage * 8});
  fake.commits_until_failure = 0;
  EXPECT_EQ(heap_.allocate({kSlicesPerHugePage * 9}), nullptr);  // leaves uncommitted pages behind
  heap_.free(large);
  heap_.purge_down_to({0});
  std::vector<Span*> spans;
  for (int count = 0; count < 8; ++count) {
    spans.push_back(heap_.allocate({20}));
    ASSERT_NE(spans.back(), nullptr) << count;
  }
  for (Span* span : spans) heap_.free(span);
  heap_.purge_down_to({0});
  EXPECT_NE(heap_.allocate({kSlicesPerHugePage * 8}), nullptr);
}

TEST_F(PageHeapTest, FailureOfEveryNthCommitLosesNothing) {
  for (size_t failing = 0; failing < 40; ++failing) {
    fake.commits_until_failure = failing;
    std::vector<Span*> spans;
    while (Span* span = heap_.allocate({20})) {
      spans.push_back(span);
      if (spans.size() == 64) break;
    }
    for (Span* span : spans) heap_.free(span);
    fake.commits_until_failure = SIZE_MAX;
    ASSERT_EQ(heap_.statistics().used_bytes, 0u);
  }
}

TEST_F(PageHeapTest, ReservationIsHalvedUntilItFits) {
  fake.largest_reservation = size_t{32} << 20;
  Span* span = heap_.allocate({1});
  ASSERT_NE(span, nullptr);
  EXPECT_LE(HugePages{heap_.map().region(0).total}.bytes(), size_t{32} << 20);
}

TEST_F(PageHeapTest, MoreRegionsWhenTheFirstIsFull) {
  fake.largest_reservation = size_t{16} << 20;
  std::vector<Span*> spans;
  for (int count = 0; count < 20; ++count) {
    Span* span = heap_.allocate({kSlicesPerHugePage});
    ASSERT_NE(span, nullptr);
    memset(start(span), count, kHugePageSize);
    spans.push_back(span);
  }
  EXPECT_GT(heap_.map().regions(), 1u);
  for (int count = 0; count < 20; ++count) {
    EXPECT_EQ(heap_.map().find(start(spans[count]) + 100), spans[count]);
    EXPECT_EQ(start(spans[count])[kHugePageSize - 1], static_cast<char>(count));
  }
  fake.reserves_until_failure = 0;
  std::vector<Span*> rest;
  while (Span* span = heap_.allocate({kSlicesPerHugePage})) rest.push_back(span);
  heap_.free(spans[3]);
  EXPECT_NE(heap_.allocate({kSlicesPerHugePage}), nullptr);
}

// Free memory of small regions serves what is longer than each of them.
TEST_F(PageHeapTest, FreeRegionsMakeRoomForALongerSpan) {
  constexpr Slices kShort{2 * kSlicesPerHugePage};
  constexpr Slices kLong{10 * kSlicesPerHugePage};
  fake.address_space = size_t{64} << 20;
  for (int round = 0; round < 100; ++round) {
    fake.largest_reservation = size_t{8} << 20;
    std::vector<Span*> spans;
    while (Span* span = heap_.allocate(kShort)) {
      memset(start(span), round, kShort.bytes());
      spans.push_back(span);
    }
    fake.largest_reservation = SIZE_MAX;
    ASSERT_GE(spans.size(), 6u);
    EXPECT_EQ(heap_.allocate(kLong), nullptr);
    // One that is used keeps its region.
    Span* kept = spans[spans.size() / 2];
    for (Span* span : spans) {
      EXPECT_EQ(heap_.map().find(start(span) + 100), span);
      EXPECT_EQ(start(span)[kShort.bytes() - 1], static_cast<char>(round));
      if (span != kept) heap_.free(span);
    }
    Span* longer = heap_.allocate(kLong);
    ASSERT_NE(longer, nullptr);
    memset(start(longer), 1, kLong.bytes());
    EXPECT_EQ(start(kept)[kShort.bytes() - 1], static_cast<char>(round));
    EXPECT_EQ(heap_.verify(), nullptr);
    heap_.free(longer);
    heap_.free(kept);
  }
  EXPECT_LE(heap_.map().regions(), 8u);
}

TEST_F(PageHeapTest, ChargedCommitIsGivenBack) {
  fake.commit_is_charged = true;
  Span* span = heap_.allocate({kSlicesPerHugePage * 3});
  memset(start(span), 1, HugePages{3}.bytes());
  heap_.free(span);
  heap_.purge_down_to({0});
  EXPECT_EQ(fake.decommitted_bytes, HugePages{3}.bytes());
  span = heap_.allocate({kSlicesPerHugePage * 3});
  ASSERT_NE(span, nullptr);
  EXPECT_TRUE(span->zeroed);
  memset(start(span), 1, HugePages{3}.bytes());
}

TEST_F(PageHeapTest, ExtendsAndShrinksInPlace) {
  Span* span = heap_.allocate({40});
  ASSERT_TRUE(heap_.extend(span, {70}));
  memset(start(span), 3, Slices{70}.bytes());
  Span* behind = heap_.allocate({kSlicesPerHugePage});
  EXPECT_FALSE(heap_.extend(span, {200}));
  EXPECT_EQ(span->slices, 70u);
  heap_.shrink(span, {33});
  EXPECT_EQ(span->slices, 33u);
  EXPECT_EQ(heap_.statistics().used_bytes, Slices{33 + kSlicesPerHugePage}.bytes());
  heap_.free(behind);
}

// A model: spans never overlap, contents survive, everything comes back.
TEST_F(PageHeapTest, RandomAgainstModel) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  knobs.retained_limit.store(size_t{4} << 20);
  std::mt19937 random(seed);
  std::map<char*, Span*> live;
  for (int step = 0; step < 4000; ++step) {
    if (live.size() < 60 && random() % 3 != 0) {
      const uint32_t length = random() % 4 == 0 ? 1 + random() % 100 : 1 + random() % 12;
      const uint32_t alignment = 1u << random() % 7;
      Span* span = heap_.allocate({length}, {alignment});
      if (span == nullptr) continue;
      char* at = start(span);
      const auto next = live.lower_bound(at);
      if (next != live.end()) ASSERT_LE(at + Slices{length}.bytes(), next->first);
      if (next != live.begin()) {
        const auto before = std::prev(next);
        ASSERT_LE(before->first + Slices{before->second->slices}.bytes(), at);
      }
      if (span->zeroed) ASSERT_EQ(at[Slices{length}.bytes() - 1], 0);
      at[0] = static_cast<char>(length);
      at[Slices{length}.bytes() - 1] = static_cast<char>(length);
      live[at] = span;
    } else if (!live.empty()) {
      auto chosen = std::next(live.begin(), random() % live.size());
      Span* span = chosen->second;
      const auto mark = static_cast<char>(span->slices);
      ASSERT_EQ(chosen->first[0], mark);
      ASSERT_EQ(chosen->first[Slices{span->slices}.bytes() - 1], mark);
      live.erase(chosen);
      heap_.free(span);
    }
    if (step % 97 == 0) heap_.purge_down_to({static_cast<uint32_t>(random() % 64)});
  }
  for (auto& [at, span] : live) heap_.free(span);
  EXPECT_EQ(heap_.statistics().used_bytes, 0u);
}

// A span of a page and a half is to get memory from two free pages, but the kernel does not move
// it. The rest of its second page holds old contents.
class UnmovableTest : public PageHeapTest {
 protected:
  static constexpr Slices kPage{kSlicesPerHugePage};

  Span* allocate_page_and_a_half(bool first_holds_memory) {
    Span* first = dirty(kPage);
    Span* second = dirty({24});
    Span* old = dirty({8});  // behind it
    std::vector<Span*> between{dirty(kPage)};
    std::vector<Span*> sources;
    for (int count = 0; count < 2; ++count) {
      sources.push_back(dirty(kPage));
      between.push_back(dirty(kPage));
    }
    if (!first_holds_memory) heap_.free(first);
    heap_.free(second);
    heap_.purge_down_to({0});
    if (first_holds_memory) heap_.free(first);
    heap_.free(old);
    for (Span* source : sources) heap_.free(source);
    return heap_.allocate({48});
  }

  Span* dirty(Slices length) {
    Span* span = heap_.allocate(length);
    memset(start(span), 'o', length.bytes());
    return span;
  }
};

TEST_F(UnmovableTest, OldContentsBesideTheSpanAreNotTakenForZeros) {
  fake.refuse_move = true;
  ASSERT_NE(allocate_page_and_a_half(false), nullptr);
  ASSERT_GT(fake.moves, 0u);
  for (int count = 0; count < 20; ++count) {
    Span* span = heap_.allocate({8});
    if (!span->zeroed) continue;
    for (size_t at = 0; at < Slices{8}.bytes(); at += 512) ASSERT_EQ(start(span)[at], 0) << count;
  }
}

TEST_F(UnmovableTest, WhatIsLostBesideTheSpanIsNotHandedOut) {
  fake.lose_move = true;
  allocate_page_and_a_half(true);
  ASSERT_GT(fake.moves, 0u);
  fake.lose_move = false;
  for (int count = 0; count < 20; ++count) dirty({8});
}

// How many are found in `rounds` rounds.
uint32_t settle(PageHeap& heap, uint32_t rounds, AddressRange& page) {
  uint32_t found = 0;
  for (uint32_t round = 0; round < rounds;) {
    switch (heap.next_settled(page)) {
      case PageHeap::Settled::kFound:
        ++found;
        break;
      case PageHeap::Settled::kLooking:
        break;
      default:
        ++round;
    }
  }
  return found;
}

TEST_F(PageHeapTest, MemoryThatStaysInUseSettlesOnce) {
  Span* whole = heap_.allocate({3 * kSlicesPerHugePage});
  Span* part = heap_.allocate({kSlicesPerHugePage / 2});
  ASSERT_NE(whole, nullptr);
  ASSERT_NE(part, nullptr);
  AddressRange page;
  EXPECT_EQ(settle(heap_, PageHeap::kRoundsToSettle, page), 0u);
  EXPECT_EQ(settle(heap_, 1, page), 3u);
  EXPECT_EQ(settle(heap_, 20, page), 0u);
  EXPECT_EQ(heap_.next_settled(page), PageHeap::Settled::kNone);
}

TEST_F(PageHeapTest, WhatWasFreedMeanwhileHasNotSettled) {
  Span* span = heap_.allocate({kSlicesPerHugePage});
  AddressRange page;
  EXPECT_EQ(settle(heap_, PageHeap::kRoundsToSettle, page), 0u);
  heap_.shrink(span, {1});
  ASSERT_TRUE(heap_.extend(span, {kSlicesPerHugePage}));
  EXPECT_EQ(settle(heap_, PageHeap::kRoundsToSettle, page), 0u);
  EXPECT_EQ(settle(heap_, 1, page), 1u);
}

TEST_F(PageHeapTest, ACollapsedPageIsAHugePage) {
  Span* span = heap_.allocate({kSlicesPerHugePage});
  AddressRange page;
  ASSERT_EQ(settle(heap_, PageHeap::kRoundsToSettle + 1, page), 1u);
  EXPECT_EQ(page.start, start(span));
  heap_.collapsed(page);
  PageHeap::PromotedPosition position;
  AddressRange run;
  ASSERT_TRUE(heap_.next_promoted(position, run));
  EXPECT_EQ(run.start, start(span));
  // Its memory serves requests for huge pages.
  heap_.free(span);
  EXPECT_EQ(heap_.allocate({kSlicesPerHugePage}, {1}, Backing::kHugePage), span);
}

TEST_F(PageHeapTest, WhatIsFreedDuringACollapseStaysWhatItWas) {
  Span* span = heap_.allocate({kSlicesPerHugePage});
  AddressRange page;
  ASSERT_EQ(settle(heap_, PageHeap::kRoundsToSettle + 1, page), 1u);
  heap_.shrink(span, {8});
  heap_.collapsed(page);
  PageHeap::PromotedPosition position;
  AddressRange run;
  EXPECT_FALSE(heap_.next_promoted(position, run));
}

TEST_F(PageHeapTest, WhatThereWasAtAForkDoesNotSettle) {
  Span* span = heap_.allocate({kSlicesPerHugePage});
  heap_.keep_unsettled();
  AddressRange page;
  EXPECT_EQ(settle(heap_, 20, page), 0u);
  heap_.shrink(span, {1});
  ASSERT_TRUE(heap_.extend(span, {kSlicesPerHugePage}));
  EXPECT_EQ(settle(heap_, PageHeap::kRoundsToSettle + 1, page), 1u);
}

TEST_F(PageHeapTest, NothingSettlesForAMinuteAfterAFork) {
  heap_.allocate({kSlicesPerHugePage});
  heap_.pause_promotion();
  AddressRange page;
  EXPECT_EQ(settle(heap_, 20, page), 0u);
  fake.coarse_time += 61'000'000'000;
  EXPECT_EQ(settle(heap_, PageHeap::kRoundsToSettle + 1, page), 1u);
}

}  // namespace
}  // namespace hakmem
