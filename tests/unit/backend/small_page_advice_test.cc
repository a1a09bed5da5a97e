#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "backend/linux/memory/linux_backend.h"

namespace hakmem {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

// Of the mapping that an address lies in: its bounds, and whether VmFlags has the flag.
struct Mapping {
  uintptr_t start = 0;
  uintptr_t end = 0;
  bool advised_small = false;  // nh
  bool advised_huge = false;   // hg
};

Mapping mapping_of(const char* address) {
  const auto wanted = reinterpret_cast<uintptr_t>(address);
  std::ifstream smaps("/proc/self/smaps");
  std::string line;
  Mapping mapping;
  bool here = false;
  while (std::getline(smaps, line)) {
    uintptr_t start;
    uintptr_t end;
    if (sscanf(line.c_str(), "%lx-%lx ", &start, &end) == 2) {
      here = start <= wanted && wanted < end;
      if (here) mapping = {.start = start, .end = end};
    } else if (here && line.starts_with("VmFlags:")) {
      std::istringstream flags(line);
      for (std::string flag; flags >> flag;) {
        mapping.advised_small = mapping.advised_small || flag == "nh";
        mapping.advised_huge = mapping.advised_huge || flag == "hg";
      }
    }
  }
  return mapping;
}

// Sixteen huge pages of reserved memory, committed.
class SmallPageAdvice : public testing::Test {
 protected:
  void SetUp() override {
    start_ = static_cast<char*>(kLinuxBackend.reserve(16 * kHugePage, kHugePage));
    ASSERT_NE(start_, nullptr);
    if (!mapping_of(start_).advised_small) {
      std::ifstream settings("/sys/kernel/mm/transparent_hugepage/enabled");
      if (!settings) GTEST_SKIP() << "this kernel has no transparent huge pages";
    }
    commit(start_, 16);
  }
  void TearDown() override { kLinuxBackend.release(start_, 16 * kHugePage); }

  void commit(char* start, size_t pages) {
    ASSERT_TRUE(kLinuxBackend.commit(start, pages * kHugePage));
  }
  char* page(size_t index) { return start_ + index * kHugePage; }
  bool is_one_mapping() {
    const Mapping first = mapping_of(start_);
    return first.start == mapping_of(page(15)).start && first.advised_small;
  }

  char* start_ = nullptr;
};

TEST_F(SmallPageAdvice, CoversReservedMemoryUntilItIsPromoted) {
  EXPECT_TRUE(is_one_mapping());
  kLinuxBackend.promote(page(4), kHugePage);
  EXPECT_TRUE(mapping_of(page(4)).advised_huge);
  EXPECT_FALSE(mapping_of(page(4)).advised_small);
  EXPECT_TRUE(mapping_of(page(3)).advised_small);
  EXPECT_TRUE(mapping_of(page(5)).advised_small);
}

TEST_F(SmallPageAdvice, RenewedMemoryHasTheMappingOfItsNeighbours) {
  *page(2) = 1;
  *page(3) = 2;
  *page(4) = 3;
  ASSERT_TRUE(kLinuxBackend.renew(page(3), kHugePage));
  EXPECT_TRUE(is_one_mapping());
  EXPECT_EQ(*page(3), 0);
}

TEST_F(SmallPageAdvice, DecommittedMemoryIsAsReserved) {
  kLinuxBackend.promote(page(3), kHugePage);
  ASSERT_TRUE(kLinuxBackend.decommit(page(3), kHugePage));
  commit(page(3), 1);
  EXPECT_TRUE(is_one_mapping());
}

TEST_F(SmallPageAdvice, MovedMemoryTakesItsAdviceAlong) {
  *page(2) = 7;
  if (kLinuxBackend.move(page(2), page(9), kHugePage) != MoveResult::kMoved) {
    GTEST_SKIP() << "no moves under this limit or kernel";
  }
  EXPECT_EQ(*page(9), 7);
  EXPECT_TRUE(mapping_of(page(2)).advised_small);
  EXPECT_TRUE(mapping_of(page(9)).advised_small);
}

}  // namespace
}  // namespace hakmem
