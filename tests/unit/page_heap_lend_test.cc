// Memory that is the kernel's until a deadline.
#include <gtest/gtest.h>
#include <string.h>

#include <vector>

#include "page_heap_fixture.h"

namespace hakmem {
namespace {

class LendTest : public PageHeapTest {
 protected:
  static constexpr uint32_t kSpans = 6;
  static constexpr size_t kSpanBytes = kHugePageSize / 2;
  static constexpr uint64_t kDeadline = 250'000'000;

  void SetUp() override {
    PageHeapTest::SetUp();
    knobs.retained_limit.store(size_t{1} << 30);
    heap_.set_deadlines(kFakeDeadlines);
    // Free ones and live ones in turn: no two free ones are neighbours.
    for (uint32_t index = 0; index < 2 * kSpans; ++index) {
      Span* span = heap_.allocate({kSlicesPerHugePage / 2});
      memset(start(span), 1, kSpanBytes);
      (index % 2 == 0 ? free_ : live_).push_back(span);
    }
    for (Span* span : free_) heap_.free(span);
  }

  // Takes the free memory again; how many bytes of it read as zeros.
  size_t reused_zeros() {
    size_t zeros = 0;
    for (Span*& span : free_) {
      span = heap_.allocate({kSlicesPerHugePage / 2});
      for (size_t at = 0; at < kSpanBytes; ++at) zeros += start(span)[at] == 0 ? 1 : 0;
    }
    EXPECT_EQ(heap_.statistics().retained_bytes, 0u);
    return zeros;
  }

  void expect_live_untouched() {
    for (Span* span : live_) {
      for (size_t at = 0; at < kSpanBytes; at += 512) ASSERT_EQ(start(span)[at], 1);
    }
  }

  std::vector<Span*> free_;
  std::vector<Span*> live_;
};

TEST_F(LendTest, WhatIsFreeIsLentAndCountsAsSuch) {
  heap_.lend(kDeadline);
  EXPECT_EQ(fake.armed.size(), kSpans);
  const PageHeapStatistics statistics = heap_.statistics();
  EXPECT_EQ(statistics.lent_bytes, kSpans * kSpanBytes);
  EXPECT_EQ(statistics.retained_bytes, 0u);
}

TEST_F(LendTest, AnAllocationTakesAllOfItBackFirst) {
  heap_.lend(kDeadline);
  EXPECT_EQ(reused_zeros(), 0u);
  EXPECT_TRUE(fake.armed.empty());
  EXPECT_EQ(heap_.statistics().lent_bytes, 0u);
  expect_live_untouched();
}

TEST_F(LendTest, WhatPassedTheDeadlineIsFreshMemory) {
  fake.ranges_past_deadline = SIZE_MAX;
  heap_.lend(kDeadline);
  EXPECT_EQ(reused_zeros(), kSpans * kSpanBytes);
  expect_live_untouched();
}

// In a child that ran no handler the ring's state is gone, and with it the answers.
TEST_F(LendTest, WithoutAnswersNothingPassesForFresh) {
  heap_.lend(kDeadline);
  fake.armed.clear();
  // Where the answers will lie.
  volatile char stack[16384];
  for (volatile char& byte : stack) byte = 1;
  EXPECT_EQ(reused_zeros(), 0u);
}

TEST_F(LendTest, WhatPassedTheDeadlineIsNoLongerRetained) {
  heap_.lend(kDeadline);
  fake.ranges_past_deadline = SIZE_MAX;
  const PageHeapStatistics statistics = heap_.statistics();
  EXPECT_EQ(statistics.lent_bytes, 0u);
  EXPECT_EQ(statistics.retained_bytes, 0u);
}

TEST_F(LendTest, SomeMayPassTheDeadlineAndOthersNot) {
  fake.ranges_past_deadline = 2;
  heap_.lend(kDeadline);
  EXPECT_EQ(reused_zeros(), 2 * kSpanBytes);
  expect_live_untouched();
}

TEST_F(LendTest, WhatTheKernelDoesNotTakeStaysRetained) {
  fake.armed_at_most = 2;
  heap_.lend(kDeadline);
  EXPECT_EQ(heap_.statistics().lent_bytes, 2 * kSpanBytes);
  EXPECT_EQ(heap_.statistics().retained_bytes, (kSpans - 2) * kSpanBytes);
  EXPECT_EQ(reused_zeros(), 0u);
}

TEST_F(LendTest, NothingIsLentWhereTheKernelTakesNothing) {
  fake.armed_at_most = 0;
  heap_.lend(kDeadline);
  EXPECT_EQ(heap_.statistics().lent_bytes, 0u);
  EXPECT_EQ(heap_.statistics().retained_bytes, kSpans * kSpanBytes);
  EXPECT_EQ(reused_zeros(), 0u);
}

TEST_F(LendTest, LendingAnewTakesTheLoanBackAndAddsWhatCameFree) {
  fake.ranges_past_deadline = 1;
  heap_.lend(kDeadline);
  heap_.free(live_.back());
  live_.pop_back();
  heap_.lend(kDeadline);
  // What passed its deadline holds nothing that could be lent.
  EXPECT_EQ(heap_.statistics().lent_bytes, kSpans * kSpanBytes);
  expect_live_untouched();
}

TEST_F(LendTest, ALoanThatCannotBeHadBackIsNeverHandedOut) {
  heap_.lend(kDeadline);
  const std::vector<AddressRange> lent = fake.armed;
  fake.deadlines_cannot_be_had_back = true;
  for (uint32_t index = 0; index < 4 * kSpans; ++index) {
    Span* span = heap_.allocate({kSlicesPerHugePage / 2});
    ASSERT_NE(span, nullptr);
    for (const AddressRange& range : lent) {
      const char* from = static_cast<const char*>(range.start);
      EXPECT_FALSE(start(span) >= from && start(span) < from + range.bytes);
    }
  }
  heap_.lend(kDeadline);  // nor lent a second time
  EXPECT_EQ(fake.armed.size(), lent.size());
  EXPECT_EQ(heap_.statistics().lent_bytes, kSpans * kSpanBytes);
}

TEST_F(LendTest, PurgingAllTakesTheLoanBackFirst) {
  heap_.lend(kDeadline);
  EXPECT_EQ(heap_.purge_down_to({0}), kSpans * kSpanBytes);
  EXPECT_TRUE(fake.armed.empty());
  EXPECT_EQ(reused_zeros(), kSpans * kSpanBytes);
}

TEST_F(LendTest, GrowingInPlaceTakesTheLoanBackFirst) {
  heap_.lend(kDeadline);
  // The free half of its huge page lies behind it, or before.
  bool extended = false;
  for (Span* span : live_) extended = heap_.extend(span, {kSlicesPerHugePage}) || extended;
  EXPECT_TRUE(fake.armed.empty());
  expect_live_untouched();
}

TEST_F(LendTest, APromotedHugePageIsLentWithWhatNobodyUsedOfIt) {
  reused_zeros();  // or the part would be taken from what is free
  Span* keep = heap_.allocate({kSlicesPerHugePage}, {1}, Backing::kHugePage);
  Span* part = heap_.allocate({20}, {1}, Backing::kHugePage);
  heap_.free(part);
  heap_.lend(kDeadline);
  size_t bytes = 0;
  for (const AddressRange& range : fake.armed) bytes += range.bytes;
  EXPECT_EQ(bytes, kHugePageSize);
  EXPECT_EQ(heap_.statistics().lent_bytes, bytes);
  heap_.free(keep);
}

TEST_F(LendTest, AForkedChildOwnsItsCopyOfTheLoan) {
  heap_.lend(kDeadline);
  heap_.after_fork_in_child();
  EXPECT_EQ(heap_.statistics().lent_bytes, 0u);
  EXPECT_EQ(heap_.statistics().retained_bytes, kSpans * kSpanBytes);
  EXPECT_EQ(reused_zeros(), 0u);
  expect_live_untouched();
}

}  // namespace
}  // namespace hakmem
