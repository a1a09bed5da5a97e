#include "heap/pages/promotion.h"

#include <gtest/gtest.h>

namespace hakmem {
namespace {

constexpr uint64_t kCheap = 100'000;
constexpr uint64_t kDear = 5'000'000;
constexpr Slices kPause{128 * kSlicesPerHugePage};

TEST(Promotion, OneDearTouchAmongCheapOnesDoesNotPause) {
  Promotion promotion;
  for (int round = 0; round < 100; ++round) {
    promotion.first_touch_took(kCheap, {1});
    if (round % 10 == 5) promotion.first_touch_took(kDear, {1});
    ASSERT_TRUE(promotion.allowed()) << round;
  }
}

TEST(Promotion, DearTouchesInARowPause) {
  Promotion promotion;
  promotion.first_touch_took(kCheap, {1});
  int touches = 0;
  while (promotion.allowed() && touches < 100) {
    promotion.first_touch_took(kDear, {1});
    ++touches;
  }
  EXPECT_GT(touches, 1);
  EXPECT_LT(touches, 5);
}

TEST(Promotion, ADearTouchThatSevenAreToFollowPausesAtOnce) {
  Promotion promotion;
  EXPECT_FALSE(promotion.first_touch_took(kCheap, {8}));
  EXPECT_FALSE(promotion.first_touch_took(kDear, {1}));
  EXPECT_TRUE(promotion.first_touch_took(kDear, {8}));
  EXPECT_FALSE(promotion.allowed());
}

TEST(Promotion, ATrialThatIsDearPausesTwiceAsLong) {
  Promotion promotion;
  promotion.first_touch_took(kDear, {1});
  EXPECT_FALSE(promotion.allowed());
  promotion.grew(kPause);
  EXPECT_TRUE(promotion.is_untried());
  promotion.first_touch_took(kDear, {1});
  promotion.grew(kPause);
  EXPECT_FALSE(promotion.allowed());
  promotion.grew(kPause);
  EXPECT_TRUE(promotion.allowed());
}

TEST(Promotion, ATrialThatIsCheapEndsTheDoubling) {
  Promotion promotion;
  promotion.first_touch_took(kDear, {1});
  promotion.grew(kPause);
  promotion.first_touch_took(kCheap, {1});
  EXPECT_FALSE(promotion.is_untried());
  promotion.pause();
  promotion.first_touch_took(kDear, {1});
  promotion.grew(kPause);
  EXPECT_TRUE(promotion.allowed());
}

void take_small_pages(Promotion& promotion, uint64_t per_huge_page, int huge_pages) {
  for (int slice = 0; slice < huge_pages * static_cast<int>(kSlicesPerHugePage); ++slice) {
    promotion.small_pages_took(per_huge_page / kSlicesPerHugePage, kSliceSize);
  }
}

TEST(Promotion, HugePagesAreDearOnlyWhereSmallOnesAreCheaper) {
  Promotion promotion;
  take_small_pages(promotion, kDear * 2, 8);
  for (int touch = 0; touch < 100; ++touch) {
    EXPECT_FALSE(promotion.first_touch_took(kDear, {8}));
  }
  EXPECT_TRUE(promotion.allowed());
  take_small_pages(promotion, kCheap, 20);
  EXPECT_TRUE(promotion.first_touch_took(kDear, {8}));
}

TEST(Promotion, APauseEndsWhenSmallPagesAreAsDear) {
  Promotion promotion;
  promotion.first_touch_took(kDear, {1});
  take_small_pages(promotion, kDear / 4, 20);
  EXPECT_FALSE(promotion.allowed());
  take_small_pages(promotion, kDear * 2, 8);
  EXPECT_TRUE(promotion.allowed());
  // That of a fork is for another reason.
  promotion.pause();
  take_small_pages(promotion, kDear * 2, 8);
  EXPECT_FALSE(promotion.allowed());
}

}  // namespace
}  // namespace hakmem
