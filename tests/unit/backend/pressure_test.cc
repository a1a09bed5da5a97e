#include "backend/linux/guest/pressure.h"

#include <gtest/gtest.h>

#include <string>

#include "file_tree.h"

namespace hakmem {
namespace {

constexpr size_t kMiB = size_t{1} << 20;
constexpr size_t kLimit = 10000 * kMiB;

constinit PressureSources sources;

PressureReading at(size_t used_per_10000, bool stalled = false) {
  const MemoryShare share{.limit_bytes = kLimit, .used_bytes = used_per_10000 * kMiB};
  return {.limit_bytes = share.limit_bytes,
          .used_bytes = share.used_bytes,
          .headroom_bytes = share.headroom_bytes(),
          .stalled = stalled};
}

TEST(PressurePrice, HasItsPoints) {
  const uint32_t points[][2] = {{0, 100},     {5000, 100},    {7500, 100},    {7750, 150},
                                {8000, 200},  {8500, 400},    {9000, 800},    {9500, 1600},
                                {9750, 5800}, {10000, 10000}, {10001, 10000}, {20000, 10000}};
  for (const auto& point : points) {
    EXPECT_EQ(price_percent(at(point[0])), point[1]) << point[0];
  }
  EXPECT_EQ(price_percent({}), 100u);
}

TEST(PressurePrice, NeverFallsAndHasNoCliff) {
  uint32_t before = 0;
  for (size_t used = 0; used <= 10100; ++used) {
    const uint32_t price = price_percent(at(used));
    EXPECT_GE(price, before) << used;
    if (used > 0) EXPECT_LE(price - before, 20u) << used;
    EXPECT_GE(price_percent(at(used, true)), price) << used;
    before = price;
  }
}

TEST(PressurePrice, AStallHasALeastPrice) {
  EXPECT_EQ(price_percent({.stalled = true}), kStalledPricePercent);
  EXPECT_EQ(price_percent(at(0, true)), kStalledPricePercent);
  EXPECT_EQ(price_percent(at(8500, true)), 400u);
  EXPECT_EQ(price_percent(at(9000, true)), 800u);
}

TEST(PressurePrice, AnyLimitIsDividedBy) {
  for (const size_t limit : {size_t{0}, size_t{1}, size_t{9999}, kMiB, size_t{1} << 40,
                             (size_t{1} << 62) + 1, SIZE_MAX - 1}) {
    const MemoryShare full{.limit_bytes = limit, .used_bytes = limit};
    EXPECT_EQ(full.used_per_10000(), 10000u) << limit;
    const MemoryShare half{.limit_bytes = limit, .used_bytes = limit / 2};
    if (limit >= 9999) EXPECT_NEAR(half.used_per_10000(), 5000, 1) << limit;
  }
}

TEST(PressurePurge, AtLessThanATwentiethOfTheLimit) {
  EXPECT_FALSE(purge_now({}));
  EXPECT_FALSE(purge_now(at(9500)));
  EXPECT_TRUE(purge_now(at(9501)));
  EXPECT_TRUE(purge_now(at(20000)));
  EXPECT_FALSE(purge_now(at(5000, true)));
}

class PressureTest : public testing::Test {
 protected:
  PressureTest() {
    tree.write_groups("/web", "");
    tree.write_mounts(FileTree::v2_mount("/", "/cgroup"));
  }
  ~PressureTest() override { sources.stall.watch("", ""); }

  FileTree tree;
};

TEST_F(PressureTest, WithoutAnythingThereIsNoLimit) {
  FileTree empty;
  find_pressure_sources(sources, SIZE_MAX, {empty.root()});
  const PressureReading reading = read_pressure(sources, true);
  EXPECT_EQ(reading.limit_bytes, SIZE_MAX);
  EXPECT_EQ(reading.headroom_bytes, SIZE_MAX);
  EXPECT_FALSE(reading.stalled);
  EXPECT_EQ(price_percent(reading), 100u);
}

TEST_F(PressureTest, TheNearestLimitBinds) {
  tree.write_v2_group("/cgroup/web", std::to_string(100 * kMiB), "max", 80 * kMiB, 0);
  find_pressure_sources(sources, SIZE_MAX - 1, {tree.root()});
  PressureReading reading = read_pressure(sources, true);
  EXPECT_EQ(reading.limit_bytes, 100 * kMiB);
  EXPECT_EQ(reading.used_bytes, 80 * kMiB);
  EXPECT_EQ(reading.headroom_bytes, 20 * kMiB);
  EXPECT_EQ(price_percent(reading), 200u);
  // The process has more than a page in memory.
  find_pressure_sources(sources, 4096, {tree.root()});
  reading = read_pressure(sources, true);
  EXPECT_EQ(reading.limit_bytes, 4096u);
  EXPECT_GT(reading.used_bytes, 4096u);
  EXPECT_EQ(reading.headroom_bytes, 0u);
  EXPECT_EQ(price_percent(reading), kHighestPricePercent);
  EXPECT_TRUE(purge_now(reading));
}

TEST_F(PressureTest, AHitLimitOfTheGroupIsAStall) {
  tree.write_v2_group("/cgroup/web", std::to_string(100 * kMiB), "max", 60 * kMiB, 0);
  find_pressure_sources(sources, SIZE_MAX, {tree.root()});
  EXPECT_FALSE(read_pressure(sources, true).stalled);
  tree.write_v2_events("/cgroup/web", 0, 1, 0);
  const PressureReading reading = read_pressure(sources, true);
  EXPECT_TRUE(reading.stalled);
  EXPECT_EQ(price_percent(reading), kStalledPricePercent);
  EXPECT_FALSE(read_pressure(sources, true).stalled);
}

TEST_F(PressureTest, WatchesTheOwnGroupBeforeTheMachine) {
  tree.write("/proc/pressure/memory", "");
  tree.write_v2_group("/cgroup/web", "max", "max", 0, 0);
  tree.write("/cgroup/web/memory.pressure", "");
  const size_t before = open_descriptors();
  find_pressure_sources(sources, SIZE_MAX, {tree.root()});
  for (int reading = 0; reading < 3; ++reading) read_pressure(sources, true);
  EXPECT_EQ(open_descriptors(), before + 1);
  EXPECT_NE(tree.read("/cgroup/web/memory.pressure"), "");
  EXPECT_EQ(tree.read("/proc/pressure/memory"), "");
  tree.remove("/cgroup/web/memory.pressure");
  find_pressure_sources(sources, SIZE_MAX, {tree.root()});
  read_pressure(sources, true);
  EXPECT_NE(tree.read("/proc/pressure/memory"), "");
}

TEST_F(PressureTest, ReadsThisMachine) {
  find_pressure_sources(sources, SIZE_MAX, {});
  for (int round = 0; round < 3; ++round) {
    const PressureReading reading = read_pressure(sources, true);
    EXPECT_LE(reading.headroom_bytes, reading.limit_bytes);
    EXPECT_GE(price_percent(reading), 100u);
  }
}

}  // namespace
}  // namespace hakmem
