#include "backend/thp/thp_coverage.h"

#include <gtest/gtest.h>
#include <string.h>
#include <sys/mman.h>

#include <fstream>
#include <sstream>
#include <string>

#include "base/bits.h"
#include "file_tree.h"

namespace hakmem {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

// Aligned to a huge page; unmapped in the end.
class Mapping {
 public:
  explicit Mapping(size_t bytes) : mapped_(bytes + kHugePage) {
    start_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start_ == MAP_FAILED) abort();
    range_ = {reinterpret_cast<void*>(round_up(reinterpret_cast<uintptr_t>(start_), kHugePage)),
              bytes};
  }
  ~Mapping() { munmap(start_, mapped_); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  const AddressRange& range() const { return range_; }
  char* at(size_t offset) const { return static_cast<char*>(range_.start) + offset; }

 private:
  size_t mapped_;
  void* start_;
  AddressRange range_;
};

// AnonHugePages of the mappings that overlap the range, in bytes.
size_t huge_bytes_by_smaps(const AddressRange& range) {
  const auto start = reinterpret_cast<uintptr_t>(range.start);
  std::ifstream smaps("/proc/self/smaps");
  std::string line;
  size_t kilobytes = 0;
  bool overlaps = false;
  while (std::getline(smaps, line)) {
    uintptr_t from;
    uintptr_t to;
    if (sscanf(line.c_str(), "%lx-%lx ", &from, &to) == 2) {
      overlaps = from < start + range.bytes && start < to;
    } else if (overlaps && line.starts_with("AnonHugePages:")) {
      kilobytes += std::stoul(line.substr(strlen("AnonHugePages:")));
    }
  }
  return kilobytes * 1024;
}

bool is_supported() {
  size_t bytes = 0;
  const Mapping mapping(kHugePage);
  return ThpCoverage().add(mapping.range(), bytes);
}

TEST(ThpCoverage, AgreesWithSmaps) {
  if (!is_supported()) GTEST_SKIP() << "PAGEMAP_SCAN needs Linux 6.7";
  constexpr size_t kPages = 200;
  const Mapping mapping(kPages * kHugePage);
  const ThpCoverage coverage;
  size_t bytes = 7;
  ASSERT_TRUE(coverage.add(mapping.range(), bytes));
  EXPECT_EQ(bytes, 7u);

  // Every other one: more separate runs than the kernel reports at a time.
  for (size_t page = 0; page < kPages; page += 2) {
    madvise(mapping.at(page * kHugePage), kHugePage, MADV_HUGEPAGE);
    *mapping.at(page * kHugePage) = 1;
    madvise(mapping.at((page + 1) * kHugePage), kHugePage, MADV_NOHUGEPAGE);
    *mapping.at((page + 1) * kHugePage) = 1;
  }
  const size_t expected = huge_bytes_by_smaps(mapping.range());
  if (expected == 0) GTEST_SKIP() << "no huge pages to be had";
  bytes = 0;
  ASSERT_TRUE(coverage.add(mapping.range(), bytes));
  EXPECT_EQ(bytes, expected);
}

TEST(ThpCoverage, OlderKernelsTellOfTheWholeProcess) {
  const Mapping mapping(8 * kHugePage);
  size_t before = 0;
  if (!process_on_huge_pages(before)) GTEST_SKIP() << "no smaps_rollup";
  madvise(mapping.range().start, mapping.range().bytes, MADV_HUGEPAGE);
  memset(mapping.range().start, 1, mapping.range().bytes);
  size_t after = 0;
  ASSERT_TRUE(process_on_huge_pages(after));
  EXPECT_EQ(after - before, huge_bytes_by_smaps(mapping.range()));
}

TEST(ThpCoverage, CountsWhatIsStillWhole) {
  if (!is_supported()) GTEST_SKIP() << "PAGEMAP_SCAN needs Linux 6.7";
  const Mapping mapping(2 * kHugePage);
  madvise(mapping.range().start, mapping.range().bytes, MADV_HUGEPAGE);
  memset(mapping.range().start, 1, mapping.range().bytes);
  if (huge_bytes_by_smaps(mapping.range()) != 2 * kHugePage) GTEST_SKIP() << "no huge pages";
  const ThpCoverage coverage;
  size_t bytes = 0;
  ASSERT_TRUE(coverage.add(mapping.range(), bytes));
  EXPECT_EQ(bytes, 2 * kHugePage);

  madvise(mapping.at(kHugePage), 4096, MADV_DONTNEED);
  bytes = 0;
  ASSERT_TRUE(coverage.add(mapping.range(), bytes));
  EXPECT_EQ(bytes, kHugePage);
}

TEST(ThpCoverage, ThePageOfZerosDoesNotCount) {
  if (!is_supported()) GTEST_SKIP() << "PAGEMAP_SCAN needs Linux 6.7";
  const Mapping mapping(kHugePage);
  madvise(mapping.range().start, kHugePage, MADV_HUGEPAGE);
  EXPECT_EQ(*static_cast<volatile char*>(mapping.at(0)), 0);
  if (huge_bytes_by_smaps(mapping.range()) != 0) GTEST_SKIP() << "this kernel has no such page";
  size_t bytes = 0;
  ASSERT_TRUE(ThpCoverage().add(mapping.range(), bytes));
  EXPECT_EQ(bytes, 0u);
}

TEST(ThpCoverage, WhatTheKernelRefusesIsUnknown) {
  size_t bytes = 7;
  const ThpCoverage coverage;
  // Not the start of a page.
  EXPECT_FALSE(coverage.add({reinterpret_cast<void*>(4097), 4096}, bytes));
  EXPECT_EQ(bytes, 7u);
}

TEST(ThpCoverage, LeavesNoDescriptor) {
  const size_t before = open_descriptors();
  {
    const ThpCoverage coverage;
    EXPECT_EQ(open_descriptors(), before + 1);
  }
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace hakmem
