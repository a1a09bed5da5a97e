#include "policy/retention/cost_estimates.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "policy/retention/running_estimate.h"

namespace hakmem {
namespace {

constexpr size_t kMib = size_t{1} << 20;
constexpr MemoryKind kSmall = MemoryKind::kSmallPages;
constexpr MemoryKind kHuge = MemoryKind::kHugePage;

TEST(RunningEstimate, ArrivesFromBothSides) {
  for (const uint32_t shift : {1u, 4u}) {
    for (const uint64_t start : {1'000u, 100'000'000u}) {
      uint64_t estimate = start;
      for (int sample = 0; sample < 300; ++sample) estimate = follow(estimate, 1'000'000, shift);
      EXPECT_NEAR(static_cast<double>(estimate), 1e6, 16);
    }
  }
}

TEST(RunningEstimate, NeverSticksAtItsLowest) {
  for (const uint32_t shift : {1u, 2u, 3u, 4u}) {
    uint64_t estimate = 1'000'000;
    for (int sample = 0; sample < 1000; ++sample) estimate = follow(estimate, 0, shift);
    EXPECT_EQ(estimate, (uint64_t{1} << shift) - 1);
    for (int sample = 0; sample < 1000; ++sample) estimate = follow(estimate, 1'000'000, shift);
    EXPECT_NEAR(static_cast<double>(estimate), 1e6, 16);
  }
}

TEST(CostEstimates, StartAtTheSeeds) {
  const CostEstimates costs;
  EXPECT_EQ(costs.purge_per_mib(kSmall), 51'200u);
  EXPECT_EQ(costs.fault_per_mib(kSmall), 332'800u);
  EXPECT_EQ(costs.purge_per_mib(kHuge), 3'000u);
  EXPECT_EQ(costs.fault_per_mib(kHuge), 40'000u);
}

TEST(CostEstimates, FollowWhatIsMeasuredPerKind) {
  CostEstimates costs;
  for (int sample = 0; sample < 200; ++sample) {
    costs.record_fault(kSmall, CostEstimates::kFullSample, 32'000);  // 512 us per MiB
    costs.record_purge(kHuge, 2 * kMib, CostEstimates::kPurgeCall + 20'000);
  }
  EXPECT_NEAR(static_cast<double>(costs.fault_per_mib(kSmall)), 512'000, 16);
  EXPECT_NEAR(static_cast<double>(costs.purge_per_mib(kHuge)), 10'000, 16);
  EXPECT_EQ(costs.purge_per_mib(kSmall), 51'200u);
  EXPECT_EQ(costs.fault_per_mib(kHuge), 40'000u);
}

TEST(CostEstimates, OnePreemptedMeasurementLessThanDoubles) {
  CostEstimates costs;
  const uint64_t before = costs.fault_per_mib(kHuge);
  costs.record_fault(kHuge, 2 * kMib, 50'000'000);  // 600 times as long
  EXPECT_GT(costs.fault_per_mib(kHuge), before);
  EXPECT_LT(costs.fault_per_mib(kHuge), before * 2);
  for (int sample = 0; sample < 30; ++sample) costs.record_fault(kHuge, 2 * kMib, 80'000);
  EXPECT_LT(costs.fault_per_mib(kHuge), before * 11 / 10);
}

TEST(CostEstimates, AColdHostIsKnownAfterAFewTouches) {
  CostEstimates costs;
  for (int touch = 0; touch < 16; ++touch) costs.record_fault(kHuge, 2 * kMib, 5'000'000);
  EXPECT_GT(costs.fault_per_mib(kHuge), 2'000'000u);
  for (int touch = 0; touch < 100; ++touch) costs.record_fault(kHuge, 2 * kMib, 5'000'000);
  EXPECT_NEAR(static_cast<double>(costs.fault_per_mib(kHuge)), 2'500'000, 16);
}

// A fault that an interrupt or a cold cache prolongs, of a page alone, among usual slices.
TEST(CostEstimates, APageWeighsLessThanASlice) {
  CostEstimates costs;
  for (int round = 0; round < 500; ++round) {
    costs.record_fault(kSmall, CostEstimates::kFullSample, 20'000);  // 320 us per MiB
    costs.record_fault(kSmall, 4096, 8 * 1'250);  // of a page eight times as long
  }
  EXPECT_LT(costs.fault_per_mib(kSmall), 320'000u * 3 / 2);
}

TEST(CostEstimates, IgnoreTinySamples) {
  CostEstimates costs;
  costs.record_fault(kSmall, 0, 1'000'000);
  costs.record_fault(kSmall, CostEstimates::kSmallestSample - 1, 1'000'000);
  costs.record_purge(kSmall, CostEstimates::kSmallestSample - 1, 1'000'000);
  EXPECT_EQ(costs.fault_per_mib(kSmall), 332'800u);
  EXPECT_EQ(costs.purge_per_mib(kSmall), 51'200u);
  costs.record_fault(kSmall, CostEstimates::kSmallestSample, 1'000'000);
  EXPECT_NE(costs.fault_per_mib(kSmall), 332'800u);
}

TEST(CostEstimates, ExtremeMeasurementsStayWithinBounds) {
  CostEstimates costs;
  for (int sample = 0; sample < 1000; ++sample) {
    costs.record_fault(kSmall, CostEstimates::kFullSample, UINT64_MAX);
    costs.record_purge(kSmall, size_t{1} << 40, UINT64_MAX);
    costs.record_purge(kHuge, SIZE_MAX, 0);
  }
  EXPECT_LE(costs.fault_per_mib(kSmall), CostEstimates::kDearest);
  EXPECT_GT(costs.fault_per_mib(kSmall), CostEstimates::kDearest - 16);
  EXPECT_LE(costs.purge_per_mib(kSmall), CostEstimates::kDearest);
  EXPECT_GT(costs.purge_per_mib(kHuge), 0u);
}

TEST(CostEstimates, ATimeWhoseProductWouldWrapIsLong) {
  CostEstimates costs;
  costs.record_fault(kSmall, kMib, uint64_t{1} << 44);
  EXPECT_GT(costs.fault_per_mib(kSmall), 332'800u);
}

TEST(CostEstimates, ThreadsMayRecordAtOnce) {
  CostEstimates costs;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&costs] {
      for (int sample = 0; sample < 10'000; ++sample) costs.record_fault(kSmall, kMib, 500'000);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_NEAR(static_cast<double>(costs.fault_per_mib(kSmall)), 500'000, 16);
}

}  // namespace
}  // namespace hakmem
