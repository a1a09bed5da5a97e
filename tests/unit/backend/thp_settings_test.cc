#include "backend/thp/thp_settings.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "file_tree.h"

namespace hakmem {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

class ThpSettingsTest : public testing::Test {
 protected:
  void write(const std::string& file, const std::string& text) {
    tree_.write("/sys/kernel/mm/transparent_hugepage/" + file, text + "\n");
  }
  void write_usual() {
    write("enabled", "always [madvise] never");
    write("defrag", "always defer [defer+madvise] madvise never");
    write("hpage_pmd_size", "2097152");
    write("khugepaged/max_ptes_none", "511");
  }
  ThpSettings settings() const { return read_thp_settings({.root = tree_.root()}); }

  FileTree tree_;
};

TEST_F(ThpSettingsTest, ReadsEveryFile) {
  write_usual();
  const ThpSettings found = settings();
  EXPECT_EQ(found.system, ThpEnabled::kMadvise);
  EXPECT_EQ(found.huge_page, ThpEnabled::kUnknown);
  EXPECT_EQ(found.effective(), ThpEnabled::kMadvise);
  EXPECT_EQ(found.defrag, ThpDefrag::kDeferMadvise);
  EXPECT_EQ(found.huge_page_bytes, kHugePage);
  EXPECT_EQ(found.max_ptes_none, 511u);
  EXPECT_EQ(thp_obstacle(found), ThpObstacle::kNone);
}

TEST_F(ThpSettingsTest, KnowsEveryValueByItsName) {
  write_usual();
  for (const auto value : {ThpEnabled::kAlways, ThpEnabled::kMadvise, ThpEnabled::kNever}) {
    write("enabled", std::string("other [") + thp_enabled_name(value) + "] other");
    EXPECT_EQ(settings().system, value) << thp_enabled_name(value);
  }
  for (const auto value : {ThpDefrag::kAlways, ThpDefrag::kDefer, ThpDefrag::kDeferMadvise,
                           ThpDefrag::kMadvise, ThpDefrag::kNever}) {
    write("defrag", std::string("[") + thp_defrag_name(value) + "] other");
    EXPECT_EQ(settings().defrag, value) << thp_defrag_name(value);
  }
}

TEST_F(ThpSettingsTest, NeverIsAnObstacle) {
  write_usual();
  write("enabled", "always madvise [never]");
  EXPECT_EQ(thp_obstacle(settings()), ThpObstacle::kSystem);
}

TEST_F(ThpSettingsTest, TheSettingOfTheSizeDecides) {
  write_usual();
  write("hugepages-2048kB/enabled", "always inherit madvise [never]");
  EXPECT_EQ(settings().effective(), ThpEnabled::kNever);
  EXPECT_EQ(thp_obstacle(settings()), ThpObstacle::kSystem);

  write("enabled", "always madvise [never]");
  write("hugepages-2048kB/enabled", "[always] inherit madvise never");
  EXPECT_EQ(settings().effective(), ThpEnabled::kAlways);
  EXPECT_EQ(thp_obstacle(settings()), ThpObstacle::kNone);

  write("hugepages-2048kB/enabled", "always [inherit] madvise never");
  EXPECT_EQ(settings().effective(), ThpEnabled::kNever);
}

TEST_F(ThpSettingsTest, AnotherSizeIsAnObstacle) {
  write_usual();
  write("hpage_pmd_size", "536870912");
  EXPECT_EQ(thp_obstacle(settings()), ThpObstacle::kPageSize);
}

TEST_F(ThpSettingsTest, WhatCannotBeReadIsUnknownAndNoObstacle) {
  const ThpSettings found = settings();
  EXPECT_EQ(found.system, ThpEnabled::kUnknown);
  EXPECT_EQ(found.defrag, ThpDefrag::kUnknown);
  EXPECT_EQ(found.huge_page_bytes, 0u);
  EXPECT_EQ(found.max_ptes_none, SIZE_MAX);
  EXPECT_EQ(thp_obstacle(found), ThpObstacle::kNone);
  for (const char* text : {"", "madvise", "[", "[]", "[sometimes]", "always [madvise"}) {
    write("enabled", text);
    const bool cut = std::string(text) == "always [madvise";
    if (!cut) EXPECT_EQ(settings().system, ThpEnabled::kUnknown) << text;
  }
}

TEST_F(ThpSettingsTest, SmallerSizes) {
  if (sysconf(_SC_PAGESIZE) != 4096) GTEST_SKIP() << "sizes of another page size";
  write_usual();
  write("hugepages-16kB/enabled", "[always] inherit madvise never");
  write("hugepages-64kB/enabled", "always inherit [madvise] never");
  write("hugepages-128kB/enabled", "always inherit madvise [never]");
  write("hugepages-1024kB/enabled", "always [inherit] madvise never");
  write("hugepages-2048kB/enabled", "[always] inherit madvise never");
  const ThpSettings found = settings();
  EXPECT_EQ(found.smaller_always, 16u << 10);
  EXPECT_EQ(found.smaller_advised, (64u << 10) | (1024u << 10));
}

TEST_F(ThpSettingsTest, ARootThatDoesNotFitIsUnknown) {
  const std::string root(5000, 'x');
  EXPECT_EQ(read_thp_settings({.root = root.c_str()}).system, ThpEnabled::kUnknown);
}

// In a child, since the setting is the process'.
template <class Check>
bool holds_in_child(Check check) {
  const pid_t child = fork();
  if (child == 0) _exit(check() ? 0 : 1);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_F(ThpSettingsTest, TheProcessMayHaveThemSwitchedOff) {
  write_usual();
  EXPECT_TRUE(holds_in_child([this] {
    if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0) return false;
    return thp_obstacle(settings()) == ThpObstacle::kProcess;
  }));
}

TEST_F(ThpSettingsTest, TheProcessMayHaveThemWhereAdvisedOnly) {
  constexpr unsigned long kExceptAdvised = 2;
  write_usual();
  if (!holds_in_child([] { return prctl(PR_SET_THP_DISABLE, 1, kExceptAdvised, 0, 0) == 0; })) {
    GTEST_SKIP() << "PR_THP_DISABLE_EXCEPT_ADVISED needs Linux 6.18";
  }
  EXPECT_TRUE(holds_in_child([this] {
    prctl(PR_SET_THP_DISABLE, 1, kExceptAdvised, 0, 0);
    const ThpSettings found = settings();
    return found.process == ThpOfProcess::kAdvisedOnly && thp_obstacle(found) == ThpObstacle::kNone;
  }));
}

TEST_F(ThpSettingsTest, LeavesNoDescriptor) {
  write_usual();
  const size_t before = open_descriptors();
  settings();
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace hakmem
