#include "heap/slabs/size_class.h"

#include <gtest/gtest.h>

namespace hakmem {
namespace {

TEST(SizeClass, EverySizeFitsItsClassAndNoSmallerOne) {
  for (size_t size = 1; size <= kSlabLimit; ++size) {
    const SizeClass size_class = size_class_of(size);
    ASSERT_LT(size_class, kSizeClasses);
    ASSERT_GE(size_of_class(size_class), size);
    if (size_class > 0) ASSERT_LT(size_of_class(size_class - 1), size);
  }
}

TEST(SizeClass, StepsAreAtMostAnEighthAbove128AndASixteenthAboveTheDirectLimit) {
  for (SizeClass size_class = 1; size_class < kSizeClasses; ++size_class) {
    const size_t smaller = size_of_class(size_class - 1);
    const size_t larger = size_of_class(size_class);
    ASSERT_EQ(larger % kMinimumBlock, 0u);
    if (smaller >= 128) ASSERT_LE((larger - smaller) * 8, smaller);
    if (smaller >= kDirectLimit) ASSERT_LE((larger - smaller) * 16, smaller);
  }
}

TEST(SizeClass, NaturalAlignmentDividesTheBlock) {
  for (SizeClass size_class = 0; size_class < kSizeClasses; ++size_class) {
    const size_t size = size_of_class(size_class);
    const size_t alignment = natural_alignment(size);
    ASSERT_TRUE(is_power_of_two(alignment));
    ASSERT_EQ(size % alignment, 0u);
    ASSERT_GE(alignment, kMinimumBlock);
  }
}

}  // namespace
}  // namespace hakmem
