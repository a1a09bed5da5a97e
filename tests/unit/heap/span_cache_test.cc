#include "heap/threads/span_cache.h"

#include <gtest/gtest.h>

#include <array>

namespace hakmem {
namespace {

TEST(SpanCache, GivesBackExactLengthsOnly) {
  SpanCache cache;
  Span a{};
  a.slices = 4;
  EXPECT_EQ(cache.put(&a), nullptr);
  EXPECT_EQ(cache.take({3}), nullptr);
  EXPECT_EQ(cache.take({5}), nullptr);
  EXPECT_EQ(cache.take({4}), &a);
  EXPECT_EQ(cache.take({4}), nullptr);
}

TEST(SpanCache, DisplacesWhenFullAndForgetsWhatOthersTook) {
  SpanCache cache;
  std::array<Span, SpanCache::kSlots + 1> spans{};
  for (uint32_t slot = 0; slot < SpanCache::kSlots; ++slot) {
    spans[slot].slices = 2;
    EXPECT_EQ(cache.put(&spans[slot]), nullptr);
  }
  spans[SpanCache::kSlots].slices = 2;
  EXPECT_NE(cache.put(&spans[SpanCache::kSlots]), nullptr);
  EXPECT_EQ(cache.held().count, 2 * SpanCache::kSlots);
  for (uint32_t slot = 0; slot < SpanCache::kSlots; ++slot) {
    EXPECT_NE(cache.take_any(slot), nullptr);
  }
  EXPECT_EQ(cache.held().count, 0u);
  EXPECT_EQ(cache.take({2}), nullptr);
  EXPECT_EQ(cache.put(&spans[0]), nullptr);
}

TEST(SpanCache, KeepsAsManyAsBringHits) {
  SpanCache cache;
  std::array<Span, 100> spans{};
  for (Span& span : spans) {
    span.slices = 2;
    cache.put(&span);
  }
  for (uint32_t slot = 0; slot < SpanCache::kSlots; ++slot) cache.take_any(slot);
  // None was wanted: one is kept from now on.
  EXPECT_EQ(cache.put(&spans[0]), nullptr);
  EXPECT_EQ(cache.put(&spans[1]), &spans[0]);
  for (int round = 0; round < 50; ++round) {
    Span* wanted = cache.take({2});
    ASSERT_NE(wanted, nullptr);
    EXPECT_EQ(cache.put(wanted), nullptr);
  }
  // All were: every slot serves again.
  for (uint32_t slot = 1; slot < SpanCache::kSlots; ++slot) {
    EXPECT_EQ(cache.put(&spans[slot + 1]), nullptr);
  }
}

}  // namespace
}  // namespace hakmem
