#include "base/bits.h"

#include <gtest/gtest.h>

#include <random>

namespace hakmem {
namespace {

TEST(Bits, StartsOfRunsAgreesWithACount) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    const auto mask = static_cast<uint32_t>((random() & random()) | (random() << (round % 32)));
    for (uint32_t length = 1; length <= 32; ++length) {
      uint32_t expected = 0;
      for (uint32_t start = 0; start + length <= 32; ++start) {
        if (((mask >> start) & low_mask(length)) == low_mask(length)) expected |= 1u << start;
      }
      ASSERT_EQ(starts_of_runs(mask, length), expected) << std::hex << mask << " " << length;
    }
  }
}

TEST(Bits, LongestRun) {
  EXPECT_EQ(longest_run(0), 0u);
  EXPECT_EQ(longest_run(~0u), 32u);
  EXPECT_EQ(longest_run(0b1110110), 3u);
  EXPECT_EQ(longest_run(0x80000000), 1u);
}

TEST(Bits, Rounding) {
  EXPECT_EQ(round_up(0, 16), 0u);
  EXPECT_EQ(round_up(17, 16), 32u);
  EXPECT_EQ(round_down(4097, 4096), 4096u);
  EXPECT_TRUE(is_power_of_two(1));
  EXPECT_FALSE(is_power_of_two(0));
  EXPECT_FALSE(is_power_of_two(48));
  EXPECT_EQ(low_mask(0), 0u);
  EXPECT_EQ(low_mask(32), ~0u);
}

}  // namespace
}  // namespace hakmem
