#include "heap/pages/demand.h"

#include <gtest/gtest.h>

namespace hakmem {
namespace {

constexpr Slices kUsed{4096};
constexpr Slices kLong{128};
constexpr uint32_t kWhole = 100;  // percent of a turn

uint32_t spare_of(const Demand& demand) {
  return demand.spare(kUsed).count;
}

TEST(Demand, WhatWasInUseATurnAgoIsSpare) {
  Demand demand;
  demand.saw(kUsed);
  const uint32_t before = spare_of(demand);
  demand.saw({kUsed.count + 1000});
  EXPECT_EQ(spare_of(demand), before + 1000);
  demand.turn(kUsed);
  EXPECT_EQ(spare_of(demand), before + 1000);
  demand.turn(kUsed);
  EXPECT_EQ(spare_of(demand), before);
}

TEST(Demand, BoughtBackWithinATurnIsKeptUpToTheSpanThatWasShortOfIt) {
  Demand demand;
  demand.saw(kUsed);
  const uint32_t before = spare_of(demand);
  demand.bought(kLong, kLong, kWhole);  // growth: nothing was sold
  EXPECT_EQ(spare_of(demand), before);
  demand.sold({1000});
  demand.bought({10}, kLong, kWhole);
  EXPECT_EQ(spare_of(demand), before + 10);
  demand.bought({200}, kLong, kWhole);
  EXPECT_EQ(spare_of(demand), before + kLong.count);
}

TEST(Demand, WhereMuchMoreIsBoughtHalfOfItIsKept) {
  Demand demand;
  demand.saw(kUsed);
  const uint32_t before = spare_of(demand);
  demand.sold({100'000});
  demand.bought({2 * kLong.count}, kLong, kWhole);
  EXPECT_EQ(spare_of(demand), before + kLong.count);
  demand.bought({2 * kLong.count}, kLong, kWhole);
  EXPECT_EQ(spare_of(demand), before + 2 * kLong.count);
}

TEST(Demand, CheapFaultsJustifyLess) {
  Demand demand;
  demand.saw(kUsed);
  const uint32_t before = spare_of(demand);
  demand.sold({1000});
  demand.bought({100}, kLong, 20);
  EXPECT_EQ(spare_of(demand), before + 20);
}

TEST(Demand, SlackFades) {
  Demand demand;
  demand.saw(kUsed);
  const uint32_t before = spare_of(demand);
  demand.sold({1000});
  demand.bought(kLong, kLong, kWhole);
  uint32_t turns = 0;
  while (spare_of(demand) > before + 3 && turns < 100) {
    demand.turn(kUsed);
    ++turns;
  }
  EXPECT_LT(turns, 20u);
}

}  // namespace
}  // namespace hakmem
