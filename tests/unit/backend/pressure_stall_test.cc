#include "backend/linux/guest/pressure_stall.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <termios.h>
#include <unistd.h>

#include <string>

#include "file_tree.h"

namespace hakmem {
namespace {

const std::string kTrigger{"some 150000 2000000\0", 20};

class PressureStallTest : public testing::Test {
 protected:
  PressureStallTest() {
    tree.write("/group", "");
    tree.write("/machine", "");
    group = tree.path("/group");
    machine = tree.path("/machine");
  }
  ~PressureStallTest() override { stall.watch("", ""); }

  FileTree tree;
  std::string group;
  std::string machine;
  PressureStall stall;
};

TEST_F(PressureStallTest, NothingIsOpenedBeforeTheFirstCall) {
  const size_t before = open_descriptors();
  EXPECT_FALSE(stall.fired());
  stall.watch(group.c_str(), machine.c_str());
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_FALSE(stall.fired());
  EXPECT_EQ(open_descriptors(), before + 1);
  EXPECT_EQ(tree.read("/group"), kTrigger);
  EXPECT_EQ(tree.read("/machine"), "");
  for (int call = 0; call < 3; ++call) EXPECT_FALSE(stall.fired());
  EXPECT_EQ(open_descriptors(), before + 1);
  stall.watch("", "");
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(PressureStallTest, TheDescriptorEndsAtExec) {
  stall.watch(group.c_str(), machine.c_str());
  stall.fired();
  EXPECT_EQ(fcntl(stall.descriptor(), F_GETFD), FD_CLOEXEC);
}

TEST_F(PressureStallTest, TheMachineIsWatchedWhereTheGroupCannotBe) {
  stall.watch("", machine.c_str());
  stall.fired();
  EXPECT_EQ(tree.read("/machine"), kTrigger);
  tree.write("/machine", "");
  stall.watch((group + "/missing").c_str(), machine.c_str());
  stall.fired();
  EXPECT_EQ(tree.read("/machine"), kTrigger);
  EXPECT_GE(stall.descriptor(), 0);
}

TEST_F(PressureStallTest, ARefusedFileIsNotTriedAgain) {
  const std::string missing = tree.path("/missing");
  stall.watch("", missing.c_str());
  EXPECT_FALSE(stall.fired());
  tree.write("/missing", "");
  EXPECT_FALSE(stall.fired());
  EXPECT_EQ(stall.descriptor(), -1);
  EXPECT_EQ(tree.read("/missing"), "");
}

TEST_F(PressureStallTest, ATriggerThatIsRefusedClosesItsFile) {
  const size_t before = open_descriptors();
  stall.watch("/dev/full", "/dev/full");  // opens, and refuses every write
  EXPECT_FALSE(stall.fired());
  EXPECT_FALSE(stall.fired());
  EXPECT_EQ(stall.descriptor(), -1);
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(PressureStallTest, ALackOfDescriptorsPasses) {
  stall.watch(group.c_str(), machine.c_str());
  struct rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const struct rlimit none { .rlim_cur = 0, .rlim_max = limit.rlim_max };
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  EXPECT_FALSE(stall.fired());
  EXPECT_EQ(stall.descriptor(), -1);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  stall.fired();
  EXPECT_GE(stall.descriptor(), 0);
  EXPECT_EQ(tree.read("/group"), kTrigger);
}

TEST_F(PressureStallTest, WhereTheTableIsGoneAnotherTriggerIsOpened) {
  stall.watch(group.c_str(), machine.c_str());
  stall.fired();
  const int first = stall.descriptor();
  tree.write("/group", "");
  stall.forget();
  EXPECT_EQ(stall.descriptor(), -1);
  EXPECT_FALSE(stall.fired());
  EXPECT_EQ(tree.read("/group"), kTrigger);
  // What has the number by now is somebody else's.
  EXPECT_NE(stall.descriptor(), first);
  EXPECT_EQ(fcntl(first, F_GETFD), FD_CLOEXEC);
  close(first);
}

// A pseudo terminal in packet mode is a file that says POLLPRI when it is told to.
TEST_F(PressureStallTest, AnEventIsTold) {
  stall.watch("", "/dev/ptmx");
  EXPECT_FALSE(stall.fired());
  const int master = stall.descriptor();
  if (master < 0) GTEST_SKIP() << "no pseudo terminals";
  int packet_mode = 1;
  ASSERT_EQ(unlockpt(master), 0);
  const int terminal = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
  ASSERT_GE(terminal, 0);
  ASSERT_EQ(ioctl(master, TIOCPKT, &packet_mode), 0);
  EXPECT_FALSE(stall.fired());
  tcflush(terminal, TCIFLUSH);
  EXPECT_TRUE(stall.fired());
  char status[64];
  EXPECT_GT(read(master, status, sizeof status), 0);
  EXPECT_FALSE(stall.fired());
  close(terminal);
}

TEST_F(PressureStallTest, WhereTheGroupIsGoneTheMachineIsWatched) {
  stall.watch("/proc/pressure/memory", machine.c_str());
  EXPECT_FALSE(stall.fired());
  const int trigger = stall.descriptor();
  if (trigger < 0) GTEST_SKIP() << "no pressure stall information";
  // As of a group that was removed: the file has no trigger.
  const int same_file = open("/proc/pressure/memory", O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(dup2(same_file, trigger), trigger);
  const size_t before = open_descriptors();
  EXPECT_FALSE(stall.fired());
  EXPECT_EQ(open_descriptors(), before - 1);
  EXPECT_FALSE(stall.fired());
  EXPECT_EQ(tree.read("/machine"), kTrigger);
  close(same_file);
}

}  // namespace
}  // namespace hakmem
