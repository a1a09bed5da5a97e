#include "backend/linux/guest/cgroup.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "file_tree.h"

namespace hakmem {
namespace {

constexpr size_t kMiB = size_t{1} << 20;
const std::string kMount = "/sys/fs/cgroup";

std::string bytes(size_t mebibytes) {
  return std::to_string(mebibytes * kMiB);
}

constinit CgroupMemory memory;

CgroupReading discover_and_read(const FileTree& tree) {
  memory.discover({tree.root()});
  return memory.read();
}

TEST(Cgroup, ReadsTheUnifiedHierarchy) {
  FileTree tree;
  tree.write_groups("/app.slice/web", "");
  tree.write_mounts(FileTree::v2_mount("/", kMount));
  tree.write_v2_group(kMount + "/app.slice/web", bytes(100), "max", 30 * kMiB, 20 * kMiB);
  const CgroupReading reading = discover_and_read(tree);
  EXPECT_EQ(memory.version(), CgroupVersion::kV2);
  EXPECT_EQ(reading.share.limit_bytes, 100 * kMiB);
  EXPECT_EQ(reading.share.used_bytes, 30 * kMiB);
  EXPECT_FALSE(reading.limit_was_hit);
  EXPECT_EQ(memory.pressure_file(), tree.path(kMount + "/app.slice/web/memory.pressure"));
}

TEST(Cgroup, InactivePageCacheIsNotUsed) {
  FileTree tree;
  tree.write_groups("/web", "");
  tree.write_mounts(FileTree::v2_mount("/", kMount));
  tree.write_v2_group(kMount + "/web", bytes(100), "max", 95 * kMiB, 20 * kMiB);
  EXPECT_EQ(discover_and_read(tree).share.used_bytes, 75 * kMiB);
  // More cache than usage: the files are read one after the other.
  tree.write_v2_group(kMount + "/web", bytes(100), "max", 95 * kMiB, 96 * kMiB);
  EXPECT_EQ(memory.read().share.used_bytes, 0u);
  tree.remove(kMount + "/web/memory.stat");
  EXPECT_EQ(memory.read().share.used_bytes, 95 * kMiB);
}

TEST(Cgroup, TheLowerOfMaxAndHighCounts) {
  FileTree tree;
  tree.write_groups("/web", "");
  tree.write_mounts(FileTree::v2_mount("/", kMount));
  tree.write_v2_group(kMount + "/web", bytes(100), bytes(80), kMiB, 0);
  EXPECT_EQ(discover_and_read(tree).share.limit_bytes, 80 * kMiB);
  tree.write_v2_group(kMount + "/web", bytes(60), bytes(80), kMiB, 0);
  EXPECT_EQ(memory.read().share.limit_bytes, 60 * kMiB);
  tree.write_v2_group(kMount + "/web", "max", bytes(80), kMiB, 0);
  EXPECT_EQ(memory.read().share.limit_bytes, 80 * kMiB);
  tree.write_v2_group(kMount + "/web", "max", "max", kMiB, 0);
  EXPECT_EQ(memory.read().share.limit_bytes, SIZE_MAX);
}

TEST(Cgroup, ReadsV1WithItsTotals) {
  FileTree tree;
  tree.write_groups("", "/web");
  tree.write_mounts(FileTree::v1_mount("/", kMount + "/memory"));
  tree.write_v1_group(kMount + "/memory", "9223372036854771712", 0, 0, 0);
  tree.write_v1_group(kMount + "/memory/web", bytes(100), 90 * kMiB, 10 * kMiB, 3);
  const CgroupReading reading = discover_and_read(tree);
  EXPECT_EQ(memory.version(), CgroupVersion::kV1);
  EXPECT_EQ(reading.share.limit_bytes, 100 * kMiB);
  EXPECT_EQ(reading.share.used_bytes, 80 * kMiB);
  EXPECT_FALSE(reading.limit_was_hit);
  EXPECT_STREQ(memory.pressure_file(), "");
}

TEST(Cgroup, HugeLimitsOfV1AreNone) {
  FileTree tree;
  tree.write_groups("", "/web");
  tree.write_mounts(FileTree::v1_mount("/", kMount + "/memory"));
  for (const char* none : {"9223372036854771712", "9223372036854710272", "18446744073709551615"}) {
    tree.write_v1_group(kMount + "/memory/web", none, kMiB, 0, 0);
    EXPECT_EQ(discover_and_read(tree).share.limit_bytes, SIZE_MAX) << none;
    EXPECT_EQ(memory.version(), CgroupVersion::kV1);
  }
}

// The unified hierarchy is there, but the memory controller is in the old one.
TEST(Cgroup, HybridMachinesUseTheHierarchyWithTheController) {
  FileTree tree;
  tree.write_groups("/web", "/old/web");
  tree.write_mounts(FileTree::v2_mount("/", kMount + "/unified") +
                    FileTree::v1_mount("/", kMount + "/memory"));
  tree.write(kMount + "/unified/web/memory.pressure", "");
  tree.write(kMount + "/unified/web/memory.stat", "anon 0\n");
  tree.write_v1_group(kMount + "/memory/old/web", bytes(50), kMiB, 0, 0);
  EXPECT_EQ(discover_and_read(tree).share.limit_bytes, 50 * kMiB);
  EXPECT_EQ(memory.version(), CgroupVersion::kV1);
  // And the other way round.
  tree.remove(kMount + "/memory/old");
  tree.write_v2_group(kMount + "/unified/web", bytes(70), "max", kMiB, 0);
  EXPECT_EQ(discover_and_read(tree).share.limit_bytes, 70 * kMiB);
  EXPECT_EQ(memory.version(), CgroupVersion::kV2);
}

TEST(Cgroup, AControllerThatOnlyAnAncestorHasCounts) {
  FileTree tree;
  tree.write_groups("/pod/web", "");
  tree.write_mounts(FileTree::v2_mount("/", kMount));
  tree.write(kMount + "/pod/web/cgroup.procs", "");
  tree.write_v2_group(kMount + "/pod", bytes(40), "max", kMiB, 0);
  EXPECT_EQ(discover_and_read(tree).share.limit_bytes, 40 * kMiB);
  EXPECT_EQ(memory.pressure_file(), tree.path(kMount + "/pod/web/memory.pressure"));
}

TEST(Cgroup, TheAncestorNearestToItsLimitBinds) {
  FileTree tree;
  tree.write_groups("/a/b/c", "");
  tree.write_mounts(FileTree::v2_mount("/", kMount));
  tree.write_v2_group(kMount + "/a", bytes(400), "max", 390 * kMiB, 0);
  tree.write_v2_group(kMount + "/a/b", bytes(200), "max", 100 * kMiB, 0);
  tree.write_v2_group(kMount + "/a/b/c", bytes(100), "max", 60 * kMiB, 0);
  CgroupReading reading = discover_and_read(tree);
  EXPECT_EQ(reading.share.limit_bytes, 400 * kMiB);
  EXPECT_EQ(reading.share.used_bytes, 390 * kMiB);
  // Equal limits, different usage.
  tree.write_v2_group(kMount + "/a", bytes(200), "max", 20 * kMiB, 0);
  tree.write_v2_group(kMount + "/a/b", bytes(200), "max", 190 * kMiB, 0);
  reading = discover_and_read(tree);
  EXPECT_EQ(reading.share.used_bytes, 190 * kMiB);
  // The own group.
  tree.write_v2_group(kMount + "/a/b/c", bytes(61), "max", 60 * kMiB, 0);
  EXPECT_EQ(memory.read().share.limit_bytes, 61 * kMiB);
}

TEST(Cgroup, ALimitSetLaterIsFoundWithinATurn) {
  FileTree tree;
  tree.write_groups("/a/b/c/d", "");
  tree.write_mounts(FileTree::v2_mount("/", kMount));
  for (const char* directory : {"/a", "/a/b", "/a/b/c", "/a/b/c/d"}) {
    tree.write_v2_group(kMount + directory, "max", "max", kMiB, 0);
  }
  EXPECT_EQ(discover_and_read(tree).share.limit_bytes, SIZE_MAX);
  tree.write_v2_group(kMount + "/a", bytes(20), "max", 10 * kMiB, 0);
  for (int turn = 0; turn < 5; ++turn) memory.read();
  // It stays from then on.
  for (int turn = 0; turn < 5; ++turn) {
    EXPECT_EQ(memory.read().share.limit_bytes, 20 * kMiB) << turn;
  }
}

TEST(Cgroup, InANamespaceTheMountIsTheGroup) {
  FileTree tree;
  tree.write_groups("/", "");
  tree.write_mounts(FileTree::v2_mount("/", kMount));
  tree.write_v2_group(kMount, bytes(30), "max", kMiB, 0);
  EXPECT_EQ(discover_and_read(tree).share.limit_bytes, 30 * kMiB);
  EXPECT_EQ(memory.pressure_file(), tree.path(kMount + "/memory.pressure"));
}

// A container without a cgroup namespace: the path is the machine's, the mount shows a part.
TEST(Cgroup, TheRootOfTheMountIsTakenOffThePath) {
  FileTree tree;
  tree.write_groups("/docker/0123/init", "");
  tree.write_mounts(FileTree::v2_mount("/docker/0123", kMount));
  tree.write_v2_group(kMount + "/init", bytes(30), "max", kMiB, 0);
  EXPECT_EQ(discover_and_read(tree).share.limit_bytes, 30 * kMiB);
  // Another group whose name starts like ours is not ours.
  tree.write_groups("/docker/0123456", "");
  tree.write_v2_group(kMount + "456", bytes(31), "max", kMiB, 0);
  EXPECT_EQ(discover_and_read(tree).share.limit_bytes, SIZE_MAX);
  EXPECT_EQ(memory.version(), CgroupVersion::kNone);
}

// unshare(1) -C without a new mount: the mount's top is above the namespace, the names between
// are hidden, and its limits hold for all below it.
TEST(Cgroup, AMountAboveTheNamespaceGivesAnAncestor) {
  FileTree tree;
  tree.write_groups("/", "");
  tree.write_mounts(FileTree::v2_mount("/../..", kMount));
  tree.write_v2_group(kMount, bytes(30), "max", kMiB, 0);
  EXPECT_EQ(discover_and_read(tree).share.limit_bytes, 30 * kMiB);
  // With the name given after the same climb, the group itself is known.
  tree.write_groups("/../../web", "");
  tree.write_v2_group(kMount + "/web", bytes(20), "max", kMiB, 0);
  EXPECT_EQ(discover_and_read(tree).share.limit_bytes, 20 * kMiB);
  // A sibling's mount shows nothing of ours.
  tree.write_groups("/", "");
  tree.write_mounts(FileTree::v2_mount("/../other", kMount));
  EXPECT_EQ(discover_and_read(tree).share.limit_bytes, SIZE_MAX);
}

TEST(Cgroup, AGroupAboveTheNamespaceIsNotUnderTheMount) {
  FileTree tree;
  tree.write_groups("/../web", "");
  tree.write_mounts(FileTree::v2_mount("/", kMount + "/inner"));
  tree.write_v2_group(kMount + "/inner", bytes(30), "max", kMiB, 0);
  tree.write_v2_group(kMount + "/web", bytes(20), "max", kMiB, 0);
  EXPECT_EQ(discover_and_read(tree).share.limit_bytes, SIZE_MAX);
  EXPECT_EQ(memory.version(), CgroupVersion::kNone);
  // A group that is called so is another matter.
  tree.write_groups("/..web", "");
  tree.write_v2_group(kMount + "/inner/..web", bytes(25), "max", kMiB, 0);
  EXPECT_EQ(discover_and_read(tree).share.limit_bytes, 25 * kMiB);
}

TEST(Cgroup, OfSeveralMountsTheOneWithMostAncestorsIsTaken) {
  FileTree tree;
  tree.write_groups("/pod/web", "");
  tree.write_mounts(FileTree::v2_mount("/", "/host/cgroup") +
                    FileTree::v2_mount("/", "/not/there") + FileTree::v2_mount("/pod/web", kMount) +
                    FileTree::v2_mount("/other", "/other"));
  tree.write_v2_group(kMount, bytes(30), "max", kMiB, 0);
  tree.write_v2_group("/host/cgroup/pod/web", bytes(30), "max", kMiB, 0);
  tree.write_v2_group("/host/cgroup/pod", bytes(20), "max", kMiB, 0);
  EXPECT_EQ(discover_and_read(tree).share.limit_bytes, 20 * kMiB);
}

TEST(Cgroup, EscapesOfMountPointsAndColonsOfPaths) {
  FileTree tree;
  tree.write_groups("/a b:c", "");
  tree.write_mounts(FileTree::v2_mount("/a\\040b:c", "/sys/my\\040\\134groups"));
  tree.write_v2_group("/sys/my \\groups", bytes(30), "max", kMiB, 0);
  EXPECT_EQ(discover_and_read(tree).share.limit_bytes, 30 * kMiB);
}

TEST(Cgroup, RisingEventsTellOfAHitLimit) {
  FileTree tree;
  tree.write_groups("/web", "");
  tree.write_mounts(FileTree::v2_mount("/", kMount));
  tree.write_v2_group(kMount + "/web", bytes(100), bytes(90), 80 * kMiB, 0);
  tree.write_v2_events(kMount + "/web", 5, 6, 1);
  EXPECT_FALSE(discover_and_read(tree).limit_was_hit);
  const int grown[][3] = {{6, 6, 1}, {6, 7, 1}, {6, 7, 2}};
  for (const auto& events : grown) {
    tree.write_v2_events(kMount + "/web", events[0], events[1], events[2]);
    EXPECT_TRUE(memory.read().limit_was_hit);
    EXPECT_FALSE(memory.read().limit_was_hit);
  }
  // A file that cannot be read for once does not start the count anew.
  tree.remove(kMount + "/web/memory.events");
  EXPECT_FALSE(memory.read().limit_was_hit);
  tree.write_v2_events(kMount + "/web", 6, 7, 2);
  EXPECT_FALSE(memory.read().limit_was_hit);
}

TEST(Cgroup, RisingFailuresOfV1TellOfAHitLimit) {
  FileTree tree;
  tree.write_groups("", "/web");
  tree.write_mounts(FileTree::v1_mount("/", kMount));
  tree.write_v1_group(kMount + "/web", bytes(100), 80 * kMiB, 0, 8);
  EXPECT_FALSE(discover_and_read(tree).limit_was_hit);
  tree.write_v1_group(kMount + "/web", bytes(100), 80 * kMiB, 0, 9);
  EXPECT_TRUE(memory.read().limit_was_hit);
  EXPECT_FALSE(memory.read().limit_was_hit);
}

TEST(Cgroup, PageCacheThatHitsTheLimitIsNoPressure) {
  FileTree tree;
  tree.write_groups("/web", "");
  tree.write_mounts(FileTree::v2_mount("/", kMount));
  tree.write_v2_group(kMount + "/web", bytes(100), "max", 99 * kMiB, 70 * kMiB);
  EXPECT_FALSE(discover_and_read(tree).limit_was_hit);
  tree.write_v2_events(kMount + "/web", 0, 50, 0);
  EXPECT_FALSE(memory.read().limit_was_hit);
}

TEST(Cgroup, WhatIsMissingIsNoLimit) {
  FileTree tree;
  EXPECT_EQ(discover_and_read(tree).share.limit_bytes, SIZE_MAX);
  tree.write_groups("/web", "/web");
  EXPECT_EQ(discover_and_read(tree).share.limit_bytes, SIZE_MAX);
  tree.write_mounts(FileTree::v2_mount("/", kMount));
  EXPECT_EQ(discover_and_read(tree).share.limit_bytes, SIZE_MAX);
  EXPECT_EQ(memory.version(), CgroupVersion::kNone);
  tree.write_v2_group(kMount + "/web", bytes(100), "max", 90 * kMiB, 0);
  EXPECT_EQ(discover_and_read(tree).share.limit_bytes, 100 * kMiB);
  tree.remove(kMount + "/web");  // removed, or out of reach after chroot
  EXPECT_EQ(memory.read().share.limit_bytes, SIZE_MAX);
}

TEST(Cgroup, WhatIsMalformedIsNoLimit) {
  FileTree tree;
  tree.write_mounts(FileTree::v2_mount("/", kMount));
  for (const char* text : {"", "\n", ":", "0:", "0::", "0::web\n", "::/web\n", "0:x:/web\n",
                           "0::/web", "garbage\n0::/web\n"}) {
    tree.write_v2_group(kMount + "/web", bytes(100), "max", kMiB, 0);
    tree.write("/proc/self/cgroup", text);
    const bool valid = strstr(text, "0::/web") != nullptr;
    EXPECT_EQ(discover_and_read(tree).share.limit_bytes, valid ? 100 * kMiB : SIZE_MAX) << text;
  }
  for (const char* text : {"", "\n", " ", "1 2 3 4 5 6 7 8 9\n", "1 2 3 / /sys/fs/cgroup rw -\n",
                           "1 2 3 / - cgroup2 cgroup2 rw\n", "- cgroup2 c rw\n"}) {
    tree.write("/proc/self/mountinfo", text);
    EXPECT_EQ(discover_and_read(tree).share.limit_bytes, SIZE_MAX) << text;
  }
  tree.write_mounts(FileTree::v2_mount("/", kMount));
  for (const char* limit : {"", "-1", "abc", "12 34", "99999999999999999999999", "0x10"}) {
    tree.write_v2_group(kMount + "/web", limit, "max", 90 * kMiB, 0);
    EXPECT_EQ(discover_and_read(tree).share.limit_bytes, SIZE_MAX) << limit;
  }
  tree.write_v2_group(kMount + "/web", bytes(100), "max", 90 * kMiB, 0);
  tree.write(kMount + "/web/memory.stat", "inactive_file\ninactive_file x\n");
  tree.write(kMount + "/web/memory.events", "max max max\n\n\nhigh");
  EXPECT_EQ(memory.read().share.used_bytes, 90 * kMiB);
  tree.write(kMount + "/web/memory.current", "much\n");
  EXPECT_EQ(memory.read().share.limit_bytes, SIZE_MAX);
  tree.write_v2_group(kMount + "/web", "0", "max", kMiB, 0);
  EXPECT_EQ(memory.read().share.used_per_10000(), 10000u);
}

TEST(Cgroup, PathsThatDoNotFitAreNotFound) {
  FileTree tree;
  tree.write_groups("/" + std::string(2 * PathBuffer::kCapacity, 'x'), "");
  tree.write_mounts(FileTree::v2_mount("/", kMount));
  EXPECT_EQ(discover_and_read(tree).share.limit_bytes, SIZE_MAX);
  // Long lines of other mounts, as overlay file systems have them, are skipped.
  tree.write_groups("/web", "");
  tree.write_mounts("9 9 0:9 / / rw - overlay overlay lowerdir=" + std::string(20000, 'y') + "\n" +
                    FileTree::v2_mount("/" + std::string(1500, 'z'), "/long") +
                    FileTree::v2_mount("/", kMount));
  tree.write_v2_group(kMount + "/web", bytes(100), "max", kMiB, 0);
  EXPECT_EQ(discover_and_read(tree).share.limit_bytes, 100 * kMiB);
}

TEST(Cgroup, KeepsNoDescriptor) {
  FileTree tree;
  tree.write_groups("/web", "");
  tree.write_mounts(FileTree::v2_mount("/", kMount));
  tree.write_v2_group(kMount + "/web", bytes(100), "max", 90 * kMiB, 0);
  const size_t before = open_descriptors();
  for (int poll = 0; poll < 3; ++poll) discover_and_read(tree);
  memory.discover({});
  memory.read();
  EXPECT_EQ(open_descriptors(), before);
}

TEST(Cgroup, FindsItsWayOnThisMachine) {
  memory.discover({});
  const CgroupReading reading = memory.read();
  if (memory.version() == CgroupVersion::kNone) EXPECT_EQ(reading.share.limit_bytes, SIZE_MAX);
  if (reading.share.limit_bytes != SIZE_MAX) EXPECT_GT(reading.share.used_bytes, 0u);
}

// The child of a group made for this test alone; its exit status tells what it read.
int read_inside(const std::string& group) {
  alarm(60);  // the group is removed whatever happens
  const std::string self = std::to_string(getpid());
  std::ofstream procs(group + "/cgroup.procs");
  procs << self << std::flush;
  if (!procs) return 2;
  memory.discover({});
  if (memory.version() != CgroupVersion::kV1) return 3;
  constexpr size_t kTouched = 8 * kMiB;  // sanitizers touch several times as much
  char* block = static_cast<char*>(malloc(kTouched));
  for (size_t at = 0; at < kTouched; at += 4096) const_cast<volatile char*>(block)[at] = 1;
  const MemoryShare share = memory.read().share;
  if (share.limit_bytes != 128 * kMiB) return 4;
  return share.used_bytes >= kTouched && share.used_bytes <= share.limit_bytes ? 0 : 5;
}

TEST(Cgroup, ReadsARealGroupOfV1) {
  memory.discover({});
  if (memory.version() != CgroupVersion::kV1) GTEST_SKIP() << "no v1 memory hierarchy";
  std::string own;
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const size_t controller = line.find(":memory:");
    if (controller != std::string::npos) own = line.substr(controller + strlen(":memory:"));
  }
  const std::string group =
      "/sys/fs/cgroup/memory" + own + "/hakmem_unit_test_" + std::to_string(getpid());
  if (mkdir(group.c_str(), 0755) != 0) GTEST_SKIP() << "cannot make a group: " << strerror(errno);
  std::ofstream(group + "/memory.limit_in_bytes") << 128 * kMiB;
  const pid_t child = fork();
  if (child == 0) _exit(read_inside(group));
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(rmdir(group.c_str()), 0) << strerror(errno);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace hakmem
