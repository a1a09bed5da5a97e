#include "backend/linux/guest/pressure_stall.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
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

TEST_F(PressureStallTest, TheDescriptorIsHighAndEndsAtExec) {
  stall.watch(group.c_str(), machine.c_str());
  stall.fired();
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  EXPECT_GE(static_cast<rlim_t>(stall.descriptor()), std::min<rlim_t>(limit.rlim_cur, 1024) / 2);
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

TEST_F(PressureStallTest, AClosedDescriptorIsOpenedAgain) {
  stall.watch(group.c_str(), machine.c_str());
  stall.fired();
  close(stall.descriptor());
  tree.write("/group", "");
  EXPECT_FALSE(stall.fired());
  EXPECT_GE(stall.descriptor(), 0);
  EXPECT_EQ(tree.read("/group"), kTrigger);
}

TEST_F(PressureStallTest, ANumberThatTheProgramReusedIsLeftAlone) {
  stall.watch(group.c_str(), machine.c_str());
  stall.fired();
  const int reused = stall.descriptor();
  const int other = open(machine.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(dup2(other, reused), reused);
  const size_t before = open_descriptors();
  EXPECT_FALSE(stall.fired());
  EXPECT_NE(stall.descriptor(), reused);
  EXPECT_EQ(open_descriptors(), before + 1);
  // Nor closed when ours is let go.
  ASSERT_EQ(dup2(other, stall.descriptor()), stall.descriptor());
  const int second = stall.descriptor();
  stall.watch("", "");
  EXPECT_EQ(fcntl(reused, F_GETFD), 0);
  EXPECT_EQ(fcntl(second, F_GETFD), 0);
  EXPECT_EQ(tree.read("/machine"), "");
  close(reused);
  close(second);
  close(other);
}

TEST_F(PressureStallTest, AChildHasATriggerOfItsOwn) {
  stall.watch(group.c_str(), machine.c_str());
  stall.fired();
  tree.write("/group", "");
  const size_t before = open_descriptors();
  const pid_t child = fork();
  if (child == 0) {
    stall.fired();
    const bool own = tree.read("/group") == kTrigger && open_descriptors() == before;
    _exit(own ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  tree.write("/group", "");
  stall.fired();
  EXPECT_EQ(tree.read("/group"), "");  // the parent goes on with what it has
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

TEST_F(PressureStallTest, WithoutATriggerBehindItTheFileMeansNothing) {
  stall.watch("", "/proc/pressure/memory");
  EXPECT_FALSE(stall.fired());
  const int reused = stall.descriptor();
  if (reused < 0) GTEST_SKIP() << "no pressure stall information";
  const int same_file = open("/proc/pressure/memory", O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(dup2(same_file, reused), reused);
  EXPECT_FALSE(stall.fired());
  EXPECT_FALSE(stall.fired());
  EXPECT_EQ(stall.descriptor(), -1);
  EXPECT_EQ(fcntl(reused, F_GETFD), 0);
  close(reused);
  close(same_file);
}

}  // namespace
}  // namespace hakmem
