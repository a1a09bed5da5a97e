// What the page heap does with memory that is expected back.
#include <gtest/gtest.h>
#include <string.h>

#include "base/units.h"
#include "page_heap_fixture.h"
#include "policy/retention/memory_decision.h"

namespace hakmem {
namespace {

// What the call site is believed to do next.
ExpectedReuse expected;

constinit const PageHeap::Outlook kOutlook{
    .wanted = [](uint32_t, uint64_t) {},
    .given_up =
        [](uint32_t, uint64_t, size_t, MemoryKind kind, bool may_be_lazily_freed) {
          return decide(read_hold(kind) * kMillisecond, expected, may_be_lazily_freed);
        }};

class OutlookTest : public PageHeapTest {
 protected:
  static constexpr uint32_t kLength = 4 * kSlicesPerHugePage;

  void SetUp() override {
    PageHeapTest::SetUp();
    fake.coarse_time = 1'000'000'000;
    heap_.set_outlook(kOutlook);
    keep_ = heap_.allocate({kSlicesPerHugePage});
  }

  static uint64_t hold() { return read_hold(Backing::kSmallPages) * kMillisecond; }
  static ExpectedReuse in_holds(uint64_t holds) { return {.ns = holds * hold(), .learned = true}; }

  void free_expecting(Span* span, ExpectedReuse reuse) {
    constexpr uint32_t kSite = 1;
    expected = reuse;
    heap_.free(span, kSite);
  }

  Span* dirty_span(uint32_t length, Backing backing = Backing::kSmallPages) {
    Span* span = heap_.allocate({length}, {1}, backing);
    memset(start(span), 1, Slices{length}.bytes());
    return span;
  }

  // Steps of the sweep, until `nanoseconds` have passed.
  void pass(uint64_t nanoseconds) {
    const uint64_t end = fake.coarse_time + nanoseconds;
    for (; fake.coarse_time < end; fake.coarse_time += hold() / 16) heap_.maintain();
  }

  void expect_one_huge_page_purged_at_once() {
    for (int step = 0; step < 100; ++step) {
      pass(hold() / 16);
      EXPECT_EQ(fake.purged_bytes % kHugePageSize, 0u);
    }
    EXPECT_EQ(fake.purged_bytes, kHugePageSize);
  }

  Span* keep_;
};

TEST_F(OutlookTest, WarmMemoryIsTheKernelsUntilTwiceTheExpectationAndThenPurged) {
  // Demand alone would have purged it as excess.
  free_expecting(dirty_span(kLength), in_holds(4));
  EXPECT_EQ(fake.lazily_freed_bytes, Slices{kLength}.bytes());
  EXPECT_EQ(heap_.statistics().lazily_freed_bytes, Slices{kLength}.bytes());
  pass(7 * hold());
  EXPECT_EQ(fake.purged_bytes, 0u);
  pass(4 * hold());
  EXPECT_EQ(fake.purged_bytes, Slices{kLength}.bytes());
  EXPECT_EQ(heap_.statistics().lazily_freed_bytes, 0u);
}

TEST_F(OutlookTest, WhatIsReusedIsTheProgramsAgain) {
  Span* span = dirty_span(kLength);
  void* const place = start(span);
  free_expecting(span, in_holds(4));
  span = heap_.allocate({kLength});
  EXPECT_EQ(start(span), place);
  EXPECT_FALSE(span->zeroed);  // the kernel may have taken some of it, or none
  EXPECT_EQ(heap_.statistics().lazily_freed_bytes, 0u);
  // Freed without an expectation it is held as any other.
  heap_.free(span);
  pass(4 * hold());
  EXPECT_EQ(fake.purged_bytes, Slices{kLength}.bytes());
}

TEST_F(OutlookTest, ARefusalLeavesItHeldAsAnyOther) {
  fake.refuse_lazy_free = true;
  free_expecting(dirty_span(kLength), in_holds(4));
  EXPECT_EQ(heap_.statistics().lazily_freed_bytes, 0u);
  pass(4 * hold());
  EXPECT_EQ(fake.purged_bytes, Slices{kLength}.bytes());
}

TEST_F(OutlookTest, ARefutedExpectationIsNone) {
  free_expecting(dirty_span(kLength), {.ns = 4 * hold(), .learned = false});
  EXPECT_EQ(fake.lazily_freed_bytes, 0u);
}

TEST_F(OutlookTest, PartsOfHugePagesAreNeverFreedLazily) {
  const uint32_t parts[] = {1, kSlicesPerHugePage / 2, kSlicesPerHugePage + 1};
  for (const uint32_t length : parts) {
    free_expecting(dirty_span(length, Backing::kHugePage), in_holds(4));
    EXPECT_EQ(fake.lazily_freed_bytes, 0u) << length;
  }
  free_expecting(dirty_span(2 * kSlicesPerHugePage, Backing::kHugePage), in_holds(4));
  EXPECT_EQ(fake.lazily_freed_bytes, HugePages{2}.bytes());
}

TEST_F(OutlookTest, AHugePageThatIsUsedAgainInPartIsHeldAsAWhole) {
  free_expecting(dirty_span(kSlicesPerHugePage, Backing::kHugePage), in_holds(4));
  EXPECT_EQ(heap_.statistics().lazily_freed_bytes, kHugePageSize);
  Span* part = heap_.allocate({8}, {1}, Backing::kHugePage);
  EXPECT_EQ(heap_.statistics().lazily_freed_bytes, 0u);
  EXPECT_EQ(heap_.statistics().retained_bytes, kHugePageSize - Slices{8}.bytes());
  heap_.free(part);
  expect_one_huge_page_purged_at_once();
}

TEST_F(OutlookTest, AColdHalfOfAHugePageWaitsForTheOther) {
  Span* cold = dirty_span(kSlicesPerHugePage / 2, Backing::kHugePage);
  Span* other = dirty_span(kSlicesPerHugePage / 2, Backing::kHugePage);
  free_expecting(cold, in_holds(100));
  heap_.free(other);
  expect_one_huge_page_purged_at_once();
}

TEST_F(OutlookTest, ALimitFromOutsideCountsWhatTheKernelMayTake) {
  free_expecting(dirty_span(kLength), in_holds(4));
  EXPECT_EQ(fake.purged_bytes, 0u);
  knobs.retained_limit.store(kHugePageSize);
  heap_.maintain();
  EXPECT_LE(heap_.statistics().retained_bytes, kHugePageSize + kHugePageSize / 16);
}

TEST_F(OutlookTest, TrimmingToATargetCountsWhatTheKernelMayTake) {
  free_expecting(dirty_span(kLength), in_holds(4));
  heap_.purge_down_to({kSlicesPerHugePage});
  EXPECT_LE(heap_.statistics().retained_bytes, kHugePageSize);
}

TEST_F(OutlookTest, WhatTheKernelTookIsNotCalledZeroAndServesAgain) {
  fake.takes_lazily_freed = true;
  free_expecting(dirty_span(kLength), in_holds(4));
  Span* span = heap_.allocate({kLength});
  EXPECT_FALSE(span->zeroed);
  memset(start(span), 2, Slices{kLength}.bytes());
  heap_.free(span);
}

TEST_F(OutlookTest, WhatWouldTakeTheCallerLongIsHeldAsAnyOther) {
  Span* span = heap_.allocate({9 * kSlicesPerHugePage});
  free_expecting(span, in_holds(4));
  EXPECT_EQ(fake.lazily_freed_bytes, 0u);
}

TEST_F(OutlookTest, ColdMemoryGoesWhenTheSweepNextComesBy) {
  const auto rounds_until_purged = [this](ExpectedReuse reuse) {
    const size_t purged = fake.purged_bytes;
    // Below what demand always lets stay, so that only the sweep takes it.
    Span* span = dirty_span(kSlicesPerHugePage);
    free_expecting(span, reuse);
    int steps = 0;
    for (; fake.purged_bytes == purged && steps < 100; ++steps) pass(hold() / 16);
    return steps;
  };
  const int unknown = rounds_until_purged({});
  const int cold = rounds_until_purged(in_holds(100));
  EXPECT_EQ(fake.lazily_freed_bytes, 0u);
  EXPECT_LT(cold, 18);  // one round
  EXPECT_GT(unknown, cold);
}

TEST_F(OutlookTest, PurgingAllTakesTheLazilyFreedAsWell) {
  free_expecting(dirty_span(kLength), in_holds(4));
  EXPECT_GE(heap_.purge_down_to({0}), Slices{kLength}.bytes());
  EXPECT_EQ(heap_.statistics().lazily_freed_bytes, 0u);
  EXPECT_EQ(heap_.statistics().retained_bytes, 0u);
}

}  // namespace
}  // namespace hakmem
