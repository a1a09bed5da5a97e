#include "heap/promotion.h"

#include <gtest/gtest.h>

namespace hakmem {
namespace {

constexpr uint64_t kCheap = 100'000;
constexpr uint64_t kDear = 5'000'000;
constexpr Slices kPause{128 * kSlicesPerHugePage};

TEST(Promotion, OneDearTouchAmongCheapOnesDoesNotPause) {
  Promotion promotion;
  for (int round = 0; round < 100; ++round) {
    promotion.first_touch_took(kCheap);
    if (round % 10 == 5) promotion.first_touch_took(kDear);
    ASSERT_TRUE(promotion.allowed()) << round;
  }
}

TEST(Promotion, DearTouchesInARowPause) {
  Promotion promotion;
  promotion.first_touch_took(kCheap);
  int touches = 0;
  while (promotion.allowed() && touches < 100) {
    promotion.first_touch_took(kDear);
    ++touches;
  }
  EXPECT_GT(touches, 1);
  EXPECT_LT(touches, 5);
}

TEST(Promotion, ATrialThatIsDearPausesTwiceAsLong) {
  Promotion promotion;
  promotion.first_touch_took(kDear);
  EXPECT_FALSE(promotion.allowed());
  promotion.grew(kPause);
  EXPECT_TRUE(promotion.is_untried());
  promotion.first_touch_took(kDear);
  promotion.grew(kPause);
  EXPECT_FALSE(promotion.allowed());
  promotion.grew(kPause);
  EXPECT_TRUE(promotion.allowed());
}

TEST(Promotion, ATrialThatIsCheapEndsTheDoubling) {
  Promotion promotion;
  promotion.first_touch_took(kDear);
  promotion.grew(kPause);
  promotion.first_touch_took(kCheap);
  EXPECT_FALSE(promotion.is_untried());
  promotion.pause();
  promotion.first_touch_took(kDear);
  promotion.grew(kPause);
  EXPECT_TRUE(promotion.allowed());
}

}  // namespace
}  // namespace hakmem
