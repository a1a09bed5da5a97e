#include "policy/retention/memory_price.h"

#include <gtest/gtest.h>

#include "base/units.h"
#include "decide_at.h"
#include "policy/retention/hold_times.h"

namespace hakmem {
namespace {

constexpr size_t kMib = size_t{1} << 20;
constexpr MemoryKind kSmall = MemoryKind::kSmallPages;
constexpr MemoryKind kHuge = MemoryKind::kHugePage;
constexpr MemoryKind kKinds[] = {kSmall, kHuge};

// Globals of the library have no constructor that runs.
constinit CostEstimates global_costs;
constinit MemoryPrice global_price{global_costs};

TEST(Price, ServesAsAConstantInitializedGlobal) {
  EXPECT_EQ(global_price.price(), MemoryPrice::kDefaultBase);
}

struct PriceTest : testing::Test {
  CostEstimates costs;
  MemoryPrice price{costs};
};

TEST_F(PriceTest, SmallPagesAreHeldAQuarterOfASecondAtTheSeeds) {
  // (51.2 + 332.8) us per MiB / 1.5 ms per MiB and second = 256 ms; the call adds 1.3 ms.
  EXPECT_EQ(price.hold_time(kSmall, kMib), 257'333'333u);
  EXPECT_EQ(price.hold_time(kHuge, 2 * kMib), 29'333'333u);
}

TEST_F(PriceTest, ASizeBelongsToTheFirstBandThatHoldsIt) {
  EXPECT_EQ(band_of(0), SizeBand::k64KiB);
  EXPECT_EQ(band_of(65'536), SizeBand::k64KiB);
  EXPECT_EQ(band_of(65'537), SizeBand::k256KiB);
  EXPECT_EQ(band_of(2 * kMib), SizeBand::k2MiB);
  EXPECT_EQ(band_of(2 * kMib + 1), SizeBand::k16MiB);
  EXPECT_EQ(band_of(16 * kMib), SizeBand::k16MiB);
  EXPECT_EQ(band_of(16 * kMib + 1), SizeBand::kLarger);
  EXPECT_EQ(band_of(SIZE_MAX), SizeBand::kLarger);
}

TEST_F(PriceTest, LargerBandsAreHeldShorterSinceTheCallIsSpread) {
  const HoldTimes times = hold_times(price);
  for (const MemoryKind kind : kKinds) {
    const auto& of_kind = times[static_cast<size_t>(kind)];
    for (size_t band = 0; band < kSizeBands; ++band) {
      EXPECT_EQ(of_kind[band], price.hold_time(kind, kBandSizes[band]));
      EXPECT_EQ(band_of(kBandSizes[band]), static_cast<SizeBand>(band));
      if (band > 0) EXPECT_LT(of_kind[band], of_kind[band - 1]);
    }
  }
}

TEST_F(PriceTest, TheCallIsSpreadOverAPageAtLeast) {
  EXPECT_EQ(price.hold_time(kSmall, size_t{0}), price.hold_time(kSmall, size_t{4096}));
  EXPECT_GT(price.hold_time(kSmall, size_t{4096}), price.hold_time(kSmall, size_t{8192}));
}

TEST_F(PriceTest, PressureShortensAndItsEndRestores) {
  const uint64_t relaxed = price.hold_time(kSmall, kMib);
  price.set_pressure(400);
  EXPECT_EQ(price.price(), 4 * MemoryPrice::kDefaultBase);
  EXPECT_EQ(price.hold_time(kSmall, kMib), relaxed / 4);
  price.set_pressure(150);
  EXPECT_EQ(price.price(), 2'250'000u);
  price.set_pressure(0);  // below 100 counts as 100
  EXPECT_EQ(price.hold_time(kSmall, kMib), relaxed);
}

TEST_F(PriceTest, FaultsOfAColdHostLengthen) {
  const uint64_t before = price.hold_time(kHuge, 2 * kMib);
  for (int touch = 0; touch < 100; ++touch) costs.record_fault(kHuge, 2 * kMib, 5'000'000);
  EXPECT_EQ(price.hold_time(kHuge, 2 * kMib), kLongestHold);
  EXPECT_GT(kLongestHold, 20 * before);
  EXPECT_EQ(price.hold_time(kSmall, kMib), 257'333'333u);
}

TEST_F(PriceTest, APriceOfZeroKeepsForEver) {
  price.set_base(0);
  price.set_pressure(UINT32_MAX);
  for (const MemoryKind kind : kKinds) {
    for (const uint64_t expected : {uint64_t{0}, uint64_t{1}, UINT64_MAX}) {
      const MemoryDecision decision = decide_at(price, kMib, kind, expected);
      EXPECT_EQ(decision.action, MemoryAction::kKeep);
      EXPECT_EQ(decision.until_ns, kForever);
    }
  }
  for (const auto& of_kind : hold_times(price)) {
    for (const uint64_t time : of_kind) EXPECT_EQ(time, kForever);
  }
}

TEST_F(PriceTest, ExtremePricesSaturate) {
  uint64_t before = 0;
  for (const uint64_t base : {UINT64_MAX / 1000, UINT64_MAX / 99, UINT64_MAX - 50, UINT64_MAX}) {
    price.set_base(base);
    price.set_pressure(100);
    EXPECT_EQ(price.price(), base);
    price.set_pressure(101);
    EXPECT_GE(price.price(), base);
    price.set_pressure(UINT32_MAX);
    EXPECT_EQ(price.price(), UINT64_MAX);
    EXPECT_GE(price.price(), before);
    before = price.price();
    EXPECT_EQ(price.hold_time(kSmall, kMib), kShortestHold);
  }
  price.set_base(1);
  price.set_pressure(100);
  EXPECT_EQ(price.hold_time(kSmall, kMib), kLongestHold);
}

TEST_F(PriceTest, ExtremeSizesAndCostsStayWithinTheBounds) {
  for (int sample = 0; sample < 1000; ++sample) {
    costs.record_fault(kSmall, CostEstimates::kFullSample, UINT64_MAX);
    costs.record_purge(kSmall, CostEstimates::kFullSample, UINT64_MAX);
  }
  ASSERT_GT(costs.fault_per_mib(kSmall), CostEstimates::kDearest - 16);
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{4096}, size_t{1} << 40, SIZE_MAX}) {
    for (const MemoryKind kind : kKinds) {
      for (const uint64_t base : {uint64_t{1}, MemoryPrice::kDefaultBase, UINT64_MAX}) {
        price.set_base(base);
        const uint64_t hold = price.hold_time(kind, bytes);
        EXPECT_GE(hold, kShortestHold);
        EXPECT_LE(hold, kLongestHold);
        EXPECT_LE(decide_at(price, bytes, kind, hold).until_ns, kLongestHold);
        EXPECT_EQ(decide_at(price, bytes, kind, UINT64_MAX).action, MemoryAction::kPurge);
      }
    }
  }
  // Two dearest costs: 2e9 ns per MiB, whose rent at 4e9 ns per MiB and second takes 0.5 s.
  price.set_base(4'000'000'000);
  EXPECT_NEAR(static_cast<double>(price.hold_time(kSmall, size_t{1} << 40)), 5e8, 1e3);
}

TEST_F(PriceTest, UnknownReuseIsHeldForTheHoldTime) {
  const MemoryDecision decision = decide_at(price, kMib, kSmall, 0);
  EXPECT_EQ(decision.action, MemoryAction::kKeep);
  EXPECT_EQ(decision.until_ns, price.hold_time(kSmall, kMib));
}

TEST_F(PriceTest, ExpectationsDecide) {
  const uint64_t hold = price.hold_time(kSmall, kMib);
  struct {
    uint64_t expected;
    MemoryAction action;
    uint64_t until;
  } const cases[] = {
      {1, MemoryAction::kKeep, hold},
      {hold / 2, MemoryAction::kKeep, hold},
      {hold / 4 * 3, MemoryAction::kKeep, hold / 4 * 6},
      {hold, MemoryAction::kKeep, 2 * hold},
      {hold + 1, MemoryAction::kLazyFree, 2 * hold + 2},
      {3 * hold, MemoryAction::kLazyFree, 6 * hold},
      {kLongestLazy - 1, MemoryAction::kLazyFree, kLongestLazy},
      {8 * hold, MemoryAction::kPurge, 0},
      {UINT64_MAX, MemoryAction::kPurge, 0},
  };
  for (const auto& expectation : cases) {
    const MemoryDecision decision = decide_at(price, kMib, kSmall, expectation.expected);
    EXPECT_EQ(decision.action, expectation.action) << expectation.expected;
    EXPECT_EQ(decision.until_ns, expectation.until) << expectation.expected;
  }
}

TEST_F(PriceTest, LazilyFreedMemoryIsNotPurgedBeforeItsExpectedReuse) {
  price.set_base(1);
  const uint64_t hold = price.hold_time(kSmall, kMib);
  ASSERT_EQ(hold, kLongestHold);
  EXPECT_EQ(decide_at(price, kMib, kSmall, hold).until_ns, hold);
  EXPECT_EQ(decide_at(price, kMib, kSmall, hold + kMillisecond).action, MemoryAction::kLazyFree);
  EXPECT_EQ(decide_at(price, kMib, kSmall, hold + kMillisecond).until_ns,
            2 * (hold + kMillisecond));
}

TEST_F(PriceTest, LazilyFreedMemoryLeavesTheResidentSizeInTheEnd) {
  price.set_base(1);
  EXPECT_EQ(decide_at(price, kMib, kSmall, kLongestLazy - 1).until_ns, kLongestLazy);
  EXPECT_EQ(decide_at(price, kMib, kSmall, kLongestLazy).action, MemoryAction::kPurge);
}

TEST_F(PriceTest, PartsOfHugePagesAreNeverFreedLazily) {
  const uint64_t between = 2 * price.hold_time(kHuge, kMib);
  EXPECT_EQ(decide_at(price, kMib, kHuge, between).action, MemoryAction::kKeep);
  EXPECT_EQ(decide_at(price, kMib, kHuge, between).until_ns, price.hold_time(kHuge, kMib));
  EXPECT_EQ(decide_at(price, 3 * kMib, kHuge, between).action, MemoryAction::kKeep);
  EXPECT_EQ(decide_at(price, 4 * kMib, kHuge, between).action, MemoryAction::kLazyFree);
  EXPECT_EQ(decide_at(price, kMib, kHuge, 1000 * between).action, MemoryAction::kPurge);
}

TEST_F(PriceTest, PressureTurnsKeepingIntoPurging) {
  constexpr uint64_t kExpected = 100 * kMillisecond;
  EXPECT_EQ(decide_at(price, kMib, kSmall, kExpected).action, MemoryAction::kKeep);
  price.set_pressure(500);
  EXPECT_EQ(decide_at(price, kMib, kSmall, kExpected).action, MemoryAction::kLazyFree);
  price.set_pressure(5000);
  EXPECT_EQ(decide_at(price, kMib, kSmall, kExpected).action, MemoryAction::kPurge);
}

}  // namespace
}  // namespace hakmem
