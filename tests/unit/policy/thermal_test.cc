#include "policy/retention/thermal.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/units.h"

namespace hakmem {
namespace {

constexpr uint64_t kSecond = 1'000 * kMillisecond;
constexpr uint64_t kHold = 250 * kMillisecond;
constexpr uint32_t kSite = 0x1234'5678;

// Globals of the library have no constructor that runs.
constinit ThermalTable global_table;

TEST(Thermal, ServesAsAConstantInitializedGlobal) {
  EXPECT_EQ(global_table.expected_reuse(kSite, kSecond).ns, 0u);
}

struct ThermalTest : testing::Test {
  ThermalTable table;
  uint64_t now = 1000 * kSecond;

  // Frees and allocations of the site in turn; ends allocated.
  void cycle(uint32_t site, uint64_t interval, int times) {
    for (int round = 0; round < times; ++round) {
      table.freed(site, now);
      now += interval;
      table.allocated(site, now);
      now += kMillisecond;
    }
  }
  ThermalClass class_of(uint32_t site) {
    return thermal_class(table.expected_reuse(site, now), kHold);
  }
};

TEST_F(ThermalTest, UnknownSitesAreWarm) {
  EXPECT_EQ(class_of(kSite), ThermalClass::kWarm);
  EXPECT_EQ(table.expected_reuse(kSite, now).ns, 0u);
  table.allocated(kSite, now);
  EXPECT_EQ(class_of(kSite), ThermalClass::kWarm);
  table.freed(kSite, now);
  EXPECT_EQ(class_of(kSite), ThermalClass::kWarm);
  EXPECT_EQ(table.expected_reuse(kSite, now).ns, 0u);
}

TEST_F(ThermalTest, TheIntervalDecidesTheClass) {
  struct {
    uint64_t interval;
    ThermalClass expected;
  } const cases[] = {
      {0, ThermalClass::kHot},
      {kMillisecond, ThermalClass::kHot},
      {kHold, ThermalClass::kHot},
      {kHold + kMillisecond, ThermalClass::kWarm},
      {8 * kHold - kMillisecond, ThermalClass::kWarm},
      {8 * kHold, ThermalClass::kCold},
      {3600 * kSecond, ThermalClass::kCold},
  };
  uint32_t site = 1;
  for (const auto& expectation : cases) {
    cycle(++site, expectation.interval, 3);
    EXPECT_EQ(class_of(site), expectation.expected) << expectation.interval;
  }
}

TEST_F(ThermalTest, TheShortestIntervalIsHotForTheShortestHoldTime) {
  cycle(kSite, 0, 5);
  EXPECT_EQ(thermal_class(table.expected_reuse(kSite, now), kShortestHold), ThermalClass::kHot);
}

TEST_F(ThermalTest, TheLongestIntervalIsColdForTheLongestHoldTime) {
  const uint64_t wraps = (uint64_t{1} << 32) * 1000;  // as microseconds in 32 bits
  for (const uint64_t interval : {wraps, wraps + kSecond, uint64_t{1'000'000} * kSecond}) {
    const uint32_t site = static_cast<uint32_t>(interval);
    cycle(site, interval, 2);
    EXPECT_EQ(thermal_class(table.expected_reuse(site, now), kLongestHold), ThermalClass::kCold);
  }
}

TEST_F(ThermalTest, WithoutRentEverythingKnownIsHot) {
  cycle(kSite, 3600 * kSecond, 3);
  EXPECT_EQ(thermal_class(table.expected_reuse(kSite, now), kForever), ThermalClass::kHot);
}

TEST_F(ThermalTest, ASiteOfHashZeroIsASite) {
  cycle(0, kMillisecond, 3);
  for (uint32_t site = 1; site <= 128; ++site) table.freed(site, now);
  EXPECT_EQ(class_of(0), ThermalClass::kHot);
}

TEST_F(ThermalTest, NothingBackForLongIsColdAndTheNextAllocationTellsHowLong) {
  cycle(kSite, 10 * kMillisecond, 5);
  table.freed(kSite, now);
  EXPECT_EQ(class_of(kSite), ThermalClass::kHot);
  now += 2 * kHold;
  EXPECT_EQ(class_of(kSite), ThermalClass::kWarm);
  EXPECT_EQ(table.expected_reuse(kSite, now).ns, 2 * kHold);
  now += 6 * kHold;
  EXPECT_EQ(class_of(kSite), ThermalClass::kCold);
  table.freed(kSite, now);  // another block: still nothing came back
  EXPECT_EQ(class_of(kSite), ThermalClass::kCold);
  table.allocated(kSite, now);
  EXPECT_EQ(class_of(kSite), ThermalClass::kHot);  // one pause among short intervals
}

TEST_F(ThermalTest, AWaitOfTwiceTheEstimateRefutesIt) {
  cycle(kSite, 3 * kHold, 5);
  table.freed(kSite, now);
  now += 5 * kHold;
  EXPECT_TRUE(table.expected_reuse(kSite, now).learned);
  now += 2 * kHold;
  EXPECT_FALSE(table.expected_reuse(kSite, now).learned);
  EXPECT_EQ(class_of(kSite), ThermalClass::kWarm);
}

TEST_F(ThermalTest, ASiteThatOnlyFreesIsCold) {
  for (int block = 0; block < 100; ++block) {
    table.freed(kSite, now);
    now += kHold;
  }
  EXPECT_EQ(class_of(kSite), ThermalClass::kCold);
}

TEST_F(ThermalTest, ABurstOfFreesCountsFromItsFirst) {
  for (int block = 0; block < 10; ++block) {
    table.freed(kSite, now);
    now += 10 * kMillisecond;
  }
  for (int block = 0; block < 10; ++block) table.allocated(kSite, now);
  EXPECT_EQ(table.expected_reuse(kSite, now).ns, 100 * kMillisecond);
}

TEST_F(ThermalTest, AChangedPhaseIsLearnedInAFewCycles) {
  cycle(kSite, kMillisecond, 100);
  cycle(kSite, 20 * kHold, 6);
  EXPECT_EQ(class_of(kSite), ThermalClass::kCold);
  cycle(kSite, kMillisecond, 6);
  EXPECT_EQ(class_of(kSite), ThermalClass::kHot);
}

TEST_F(ThermalTest, AnOutlierLeavesAHotSiteHot) {
  cycle(kSite, 20 * kMillisecond, 20);
  cycle(kSite, 3600 * kSecond, 1);
  EXPECT_EQ(class_of(kSite), ThermalClass::kHot);
}

TEST_F(ThermalTest, AClockThatStepsBackIsNoInterval) {
  table.freed(kSite, now);
  table.allocated(kSite, now - kSecond);
  EXPECT_EQ(class_of(kSite), ThermalClass::kHot);
  EXPECT_LE(table.expected_reuse(kSite, now - kSecond).ns, kMillisecond);
}

TEST_F(ThermalTest, AFullTableForgetsTheColdAndKeepsTheHot) {
  cycle(kSite, kMillisecond, 5);
  constexpr uint32_t kOthers = 20 * ThermalTable::kSites;
  for (uint32_t other = 1; other <= kOthers; ++other) {
    table.freed(other * 7919, now);
    now += kMillisecond;
    if (other % 50 == 0) cycle(kSite, kMillisecond, 1);
  }
  EXPECT_EQ(class_of(kSite), ThermalClass::kHot);
  uint32_t remembered = 0;
  for (uint32_t other = 1; other <= kOthers; ++other) {
    if (table.expected_reuse(other * 7919, now).ns != 0) ++remembered;
  }
  EXPECT_LE(remembered, ThermalTable::kSites);
  EXPECT_GT(remembered, ThermalTable::kSites * 9 / 10);
  // The latest are there, the first are not.
  EXPECT_NE(table.expected_reuse(kOthers * 7919, now).ns, 0u);
  EXPECT_EQ(table.expected_reuse(7919, now).ns, 0u);
}

TEST_F(ThermalTest, ASiteThatIsNoLongerUsedMakesRoom) {
  std::vector<uint32_t> old;
  for (uint32_t site = 1; site <= ThermalTable::kSites; ++site) {
    old.push_back(site * 104'729);
    cycle(old.back(), 0, 2);
  }
  now += 3600 * kSecond;
  for (uint32_t site = 1; site <= 4 * ThermalTable::kSites; ++site) {
    table.freed(site * 7919, now);
    EXPECT_EQ(table.expected_reuse(site * 7919, now).ns, 0u);  // nothing of the one before
    cycle(site * 7919, 0, 2);
  }
  for (const uint32_t site : old) EXPECT_EQ(table.expected_reuse(site, now).ns, 0u);
}

TEST_F(ThermalTest, ASlowSiteIsForgottenBeforeAHotOneThatRestedABit) {
  constexpr uint32_t kSites = ThermalTable::kSites;
  const auto is_slow = [](uint32_t site) { return site % 2 == 0; };
  for (uint32_t site = 1; site <= kSites; ++site) {
    table.freed(site, is_slow(site) ? now - 100 * kSecond : now - 6 * kSecond);
    table.allocated(site, is_slow(site) ? now : now - 5 * kSecond);
  }
  for (uint32_t site = kSites + 1; site <= kSites + kSites / 4; ++site) table.freed(site, now);
  uint32_t slow_forgotten = 0;
  uint32_t hot_forgotten = 0;
  for (uint32_t site = 1; site <= kSites; ++site) {
    if (table.expected_reuse(site, now).ns != 0) continue;
    ++(is_slow(site) ? slow_forgotten : hot_forgotten);
  }
  EXPECT_GT(slow_forgotten, kSites / 8);
  EXPECT_LT(hot_forgotten, slow_forgotten / 8);
}

TEST_F(ThermalTest, SitesThatDifferInHighBitsOnlyDoNotCollide) {
  for (uint32_t site = 1; site <= 64; ++site) cycle(site << 24, 0, 2);
  uint32_t hot = 0;
  for (uint32_t site = 1; site <= 64; ++site) {
    if (class_of(site << 24) == ThermalClass::kHot) ++hot;
  }
  EXPECT_GT(hot, 60u);
}

TEST_F(ThermalTest, ThreadsMayMeetInTheTable) {
  std::vector<std::thread> threads;
  for (uint32_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([this, thread] {
      for (uint32_t round = 0; round < 50'000; ++round) {
        const uint32_t site = (round * 31 + thread) % 2000;
        const uint64_t then = now + round * kMillisecond;
        table.freed(site, then);
        table.allocated(site, then + kMillisecond);
        table.expected_reuse(site, then);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  now += 3600 * kSecond;
  cycle(kSite, kMillisecond, 10);
  EXPECT_EQ(class_of(kSite), ThermalClass::kHot);
}

}  // namespace
}  // namespace hakmem
