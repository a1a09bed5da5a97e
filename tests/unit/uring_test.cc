// Owns: what the io_uring module promises, on the real kernel.
// Called by: ctest.
// Never: a judgement by elapsed time; where io_uring is not permitted the tests are skipped.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "backend/uring/ring.h"
#include "backend/uring/uring_module.h"

namespace hakmem {
namespace {

constexpr const UringModule& kModule = hakmem_uring_module;
constexpr uint64_t kMillisecond = 1'000'000;
constexpr uint64_t kHour = 3'600'000 * kMillisecond;
const size_t kPage = static_cast<size_t>(sysconf(_SC_PAGESIZE));

// Pages that hold their own number, none of it zero.
class Pages {
 public:
  explicit Pages(size_t count) : count_(count) {
    start_ = static_cast<unsigned char*>(
        mmap(nullptr, count * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    madvise(start_, count * kPage, MADV_NOHUGEPAGE);
    for (size_t page = 0; page < count; ++page) fill(page);
  }
  ~Pages() { munmap(start_, count_ * kPage); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  AddressRange range(size_t page, size_t count = 1) const {
    return {start_ + page * kPage, count * kPage};
  }
  void fill(size_t page) { memset(start_ + page * kPage, value(page), kPage); }
  bool is_intact(size_t page) const { return holds(page, value(page)); }
  bool is_zero(size_t page) const { return holds(page, 0); }
  bool is_resident(size_t page) const {
    unsigned char answer = 0;
    mincore(start_ + page * kPage, kPage, &answer);
    return (answer & 1) != 0;
  }

 private:
  static unsigned char value(size_t page) { return static_cast<unsigned char>(1 + page % 255); }
  bool holds(size_t page, unsigned char wanted) const {
    const unsigned char* first = start_ + page * kPage;
    return std::all_of(first, first + kPage, [&](unsigned char byte) { return byte == wanted; });
  }

  unsigned char* start_;
  size_t count_;
};

// Until the condition holds; gives up after a minute, which is a failure and no measurement.
bool eventually(const std::function<bool()>& condition) {
  for (int wait = 0; wait < 60'000; ++wait) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

int exit_status_of(pid_t child) {
  int status = -1;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

// For what ruins the ring of a process: 0, or the number of the first step that failed.
int in_a_child(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(120);
    _exit(body());
  }
  const int status = exit_status_of(child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1000 - status;
}

int descriptor_of_ring() {
  for (int descriptor = 0; descriptor < 1024; ++descriptor) {
    char target[64] = {};
    const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
    if (readlink(link.c_str(), target, sizeof target - 1) > 0 &&
        strcmp(target, "anon_inode:[io_uring]") == 0) {
      return descriptor;
    }
  }
  return -1;
}

bool refuses(int error) {
  return error == -EPERM || error == -ENOSYS;
}

class Uring : public testing::Test {
 protected:
  void SetUp() override {
    const int result = kModule.open();
    if (refuses(result)) GTEST_SKIP() << "io_uring is not permitted: " << strerror(-result);
    ASSERT_EQ(result, 0);
  }
  void TearDown() override {
    bool purged[512];
    if (kModule.is_armed()) kModule.disarm(purged);
  }
};

TEST_F(Uring, PurgesTheGivenRangesAndNothingElse) {
  Pages pages(8);
  const AddressRange ranges[] = {pages.range(1), pages.range(3, 2), pages.range(7)};
  EXPECT_EQ(kModule.purge(ranges, 3, MADV_DONTNEED), 3u);
  for (const size_t page : {1, 3, 4, 7}) {
    EXPECT_FALSE(pages.is_resident(page)) << page;
    EXPECT_TRUE(pages.is_zero(page)) << page;
  }
  for (const size_t page : {0, 2, 5, 6}) EXPECT_TRUE(pages.is_intact(page)) << page;
  EXPECT_EQ(kModule.purge(ranges, 0, MADV_DONTNEED), 0u);
}

TEST_F(Uring, PurgesMoreRangesThanTheRingHolds) {
  constexpr size_t kRanges = 3000;
  Pages pages(2 * kRanges);
  std::vector<AddressRange> ranges;
  for (size_t index = 0; index < kRanges; ++index) ranges.push_back(pages.range(2 * index));
  EXPECT_EQ(kModule.purge(ranges.data(), kRanges, MADV_DONTNEED), kRanges);
  for (size_t index = 0; index < kRanges; ++index) {
    ASSERT_TRUE(pages.is_zero(2 * index)) << index;
    ASSERT_TRUE(pages.is_intact(2 * index + 1)) << index;
  }
}

TEST_F(Uring, PurgesARangeThatIsTooLongForOneRequest) {
  const size_t bytes = size_t{9} << 30;
  auto* start = static_cast<char*>(mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  if (start == MAP_FAILED) GTEST_SKIP() << "no address space";
  const size_t piece = (size_t{4} << 30) - (size_t{2} << 20);
  const size_t places[] = {0, piece - 1, piece, 2 * piece - 1, 2 * piece, bytes - 1};
  const AddressRange range = {start, bytes};
  for (const size_t place : places) start[place] = 1;
  EXPECT_EQ(kModule.purge(&range, 1, MADV_DONTNEED), 1u);
  for (const size_t place : places) EXPECT_EQ(start[place], 0) << place;

  for (const size_t place : places) start[place] = 1;
  ASSERT_EQ(kModule.arm(&range, 1, 1, MADV_DONTNEED), 1u);
  EXPECT_TRUE(eventually(kModule.has_fired));
  bool purged = false;
  EXPECT_EQ(kModule.disarm(&purged), 1u);
  EXPECT_TRUE(purged);
  for (const size_t place : places) EXPECT_EQ(start[place], 0) << place;
  munmap(start, bytes);
}

TEST_F(Uring, PurgeCountsUpToTheFirstRefusedRange) {
  Pages pages(4);
  const AddressRange ranges[] = {pages.range(0), pages.range(1), pages.range(2), pages.range(3)};
  ASSERT_EQ(mlock(ranges[2].start, ranges[2].bytes), 0);
  EXPECT_EQ(kModule.purge(ranges, 4, MADV_DONTNEED), 2u);
  EXPECT_TRUE(pages.is_zero(0));
  EXPECT_TRUE(pages.is_zero(1));
  EXPECT_TRUE(pages.is_intact(2));
  EXPECT_EQ(kModule.state(), 0);
}

// How a program sleeps; true if it was not interrupted. What ends by itself takes half a second,
// the others are ended by a byte in the pipe or a change of the word.
struct Sleep {
  const char* name;
  bool (*sleep)(int pipe_end, std::atomic<int>& word);
};

const Sleep kSleeps[] = {
    {"epoll_wait",
     [](int pipe_end, std::atomic<int>&) {
       const int epoll = epoll_create1(EPOLL_CLOEXEC);
       epoll_event event{.events = EPOLLIN, .data = {}};
       epoll_ctl(epoll, EPOLL_CTL_ADD, pipe_end, &event);
       const int result = epoll_wait(epoll, &event, 1, -1);
       close(epoll);
       return result == 1;
     }},
    {"poll",
     [](int pipe_end, std::atomic<int>&) {
       pollfd wanted = {pipe_end, POLLIN, 0};
       return poll(&wanted, 1, -1) == 1;
     }},
    {"read",
     [](int pipe_end, std::atomic<int>&) {
       char byte;
       return read(pipe_end, &byte, 1) == 1;
     }},
    {"futex",
     [](int, std::atomic<int>& word) {
       const long result = syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
       return result == 0 || errno == EAGAIN;
     }},
    {"nanosleep",
     [](int, std::atomic<int>&) {
       const timespec half_a_second{0, 500'000'000};
       return nanosleep(&half_a_second, nullptr) == 0;
     }},
};

class UringSleep : public Uring, public testing::WithParamInterface<Sleep> {};

TEST_P(UringSleep, ADeadlinePurgesAndDoesNotInterrupt) {
  Pages pages(64);
  const AddressRange range = pages.range(0, 64);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  std::atomic<int> word{0};
  std::atomic<bool> asleep{false};
  ASSERT_EQ(kModule.arm(&range, 1, 100 * kMillisecond, MADV_DONTNEED), 1u);
  EXPECT_TRUE(kModule.is_armed());
  EXPECT_FALSE(kModule.has_fired());
  std::thread waker([&] {
    EXPECT_TRUE(eventually([&] { return !pages.is_resident(0) && !pages.is_resident(63); }));
    word = 1;
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
    EXPECT_EQ(write(ends[1], "x", 1), 1);
  });
  EXPECT_TRUE(GetParam().sleep(ends[0], word)) << strerror(errno);
  waker.join();
  EXPECT_TRUE(eventually(kModule.has_fired));
  bool purged = false;
  EXPECT_EQ(kModule.disarm(&purged), 1u);
  EXPECT_TRUE(purged);
  EXPECT_FALSE(kModule.is_armed());
  for (size_t page = 0; page < 64; ++page) ASSERT_TRUE(pages.is_zero(page)) << page;
  close(ends[0]);
  close(ends[1]);
}

INSTANTIATE_TEST_SUITE_P(All, UringSleep, testing::ValuesIn(kSleeps),
                         [](const auto& sleep) { return std::string(sleep.param.name); });

TEST_F(Uring, DisarmedBeforeTheDeadlineTheContentsStay) {
  Pages pages(4);
  const AddressRange ranges[] = {pages.range(0, 2), pages.range(3)};
  for (int round = 0; round < 3; ++round) {
    ASSERT_EQ(kModule.arm(ranges, 2, kHour, MADV_DONTNEED), 2u);
    EXPECT_EQ(kModule.arm(ranges, 2, kHour, MADV_DONTNEED), 0u) << "one chain at a time";
    EXPECT_FALSE(kModule.has_fired());
    bool purged[] = {true, true};
    EXPECT_EQ(kModule.disarm(purged), 2u);
    EXPECT_FALSE(purged[0] || purged[1]);
    EXPECT_FALSE(kModule.is_armed());
  }
  for (size_t page = 0; page < 4; ++page) EXPECT_TRUE(pages.is_intact(page)) << page;
  bool purged[2];
  EXPECT_EQ(kModule.disarm(purged), 0u);
}

TEST_F(Uring, PurgesWhileOthersAreArmed) {
  Pages pages(3);
  const AddressRange armed = pages.range(0);
  const AddressRange now = pages.range(1);
  ASSERT_EQ(kModule.arm(&armed, 1, kHour, MADV_DONTNEED), 1u);
  for (int round = 0; round < 100; ++round) {
    pages.fill(1);
    ASSERT_EQ(kModule.purge(&now, 1, MADV_DONTNEED), 1u);
    ASSERT_TRUE(pages.is_zero(1));
  }
  bool purged = true;
  EXPECT_EQ(kModule.disarm(&purged), 1u);
  EXPECT_FALSE(purged);
  EXPECT_TRUE(pages.is_intact(0));
  EXPECT_TRUE(pages.is_intact(2));
}

// Deadlines of up to 60 us taken back after up to 80: whatever wins, the report says it, and
// nothing happens to the memory after it.
TEST_F(Uring, TheRaceOfDeadlineAndDisarmIsReportedAsItEnded) {
  constexpr size_t kRanges = 4;
  Pages pages(2 * kRanges);
  AddressRange ranges[kRanges];
  for (size_t index = 0; index < kRanges; ++index) ranges[index] = pages.range(2 * index);
  std::mt19937 random(1);
  size_t reported_purged = 0;
  size_t reported_intact = 0;
  for (int round = 0; round < 2000; ++round) {
    for (size_t page = 0; page < 2 * kRanges; ++page) pages.fill(page);
    const bool certain = round % 100 == 0;
    ASSERT_EQ(kModule.arm(ranges, kRanges, certain ? 1 : 1 + random() % 60'000, MADV_DONTNEED),
              kRanges);
    if (certain) {
      ASSERT_TRUE(eventually(kModule.has_fired));
    } else {
      const auto end =
          std::chrono::steady_clock::now() + std::chrono::nanoseconds(random() % 80'000);
      while (std::chrono::steady_clock::now() < end) {
      }
    }
    bool purged[kRanges];
    ASSERT_EQ(kModule.disarm(purged), kRanges);
    for (size_t index = 0; index < kRanges; ++index) {
      ASSERT_TRUE(purged[index] ? pages.is_zero(2 * index) : pages.is_intact(2 * index))
          << "round " << round << ", range " << index << ", reported " << purged[index];
      ASSERT_TRUE(pages.is_intact(2 * index + 1));
      ++(purged[index] ? reported_purged : reported_intact);
    }
  }
  EXPECT_GT(reported_purged, 0u);
  RecordProperty("purged", static_cast<int>(reported_purged));
  RecordProperty("intact", static_cast<int>(reported_intact));
}

TEST_F(Uring, ThreeHundredRangesFitAndMoreAreCutOff) {
  for (const size_t wanted : {300, 600}) {
    Pages pages(2 * wanted);
    std::vector<AddressRange> ranges;
    for (size_t index = 0; index < wanted; ++index) ranges.push_back(pages.range(2 * index));
    const size_t armed = kModule.arm(ranges.data(), wanted, 1, MADV_DONTNEED);
    EXPECT_EQ(armed, std::min<size_t>(wanted, 510));
    ASSERT_TRUE(eventually(kModule.has_fired));
    bool purged[512];
    ASSERT_EQ(kModule.disarm(purged), armed);
    for (size_t index = 0; index < wanted; ++index) {
      if (index < armed) ASSERT_TRUE(purged[index]) << index;
      ASSERT_EQ(pages.is_zero(2 * index), index < armed) << index;
      ASSERT_TRUE(pages.is_intact(2 * index + 1)) << index;
    }
  }
}

TEST_F(Uring, ARefusedRangeDoesNotDisturbTheOthers) {
  Pages pages(5);
  AddressRange ranges[5];
  for (size_t index = 0; index < 5; ++index) ranges[index] = pages.range(index);
  for (const size_t locked : {0, 2, 4}) {
    for (size_t page = 0; page < 5; ++page) pages.fill(page);
    ASSERT_EQ(mlock(ranges[locked].start, ranges[locked].bytes), 0);
    ASSERT_EQ(kModule.arm(ranges, 5, 1, MADV_DONTNEED), 5u);
    ASSERT_TRUE(eventually(kModule.has_fired));
    bool purged[5];
    ASSERT_EQ(kModule.disarm(purged), 5u);
    for (size_t index = 0; index < 5; ++index) {
      EXPECT_EQ(purged[index], index != locked) << index;
      EXPECT_TRUE(index == locked ? pages.is_intact(index) : pages.is_zero(index)) << index;
    }
    munlock(ranges[locked].start, ranges[locked].bytes);
  }
}

pid_t clone_raw() {
  return static_cast<pid_t>(syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr));
}

struct Fork {
  const char* name;
  pid_t (*fork)();
};

const Fork kForks[] = {
    {"fork", fork},
#if __GLIBC_PREREQ(2, 34)
    {"_Fork", _Fork},
#endif
    {"clone", clone_raw},
};

class UringFork : public Uring, public testing::WithParamInterface<Fork> {};

bool maps_a_ring() {
  std::ifstream maps("/proc/self/maps");
  const std::string text((std::istreambuf_iterator<char>(maps)), std::istreambuf_iterator<char>());
  return text.find("[io_uring]") != std::string::npos;
}

// All of it in the child of a fork that finds a ring in its parent.
int find_no_ring(const AddressRange& range, const Pages& pages) {
  bool purged = true;
  if (kModule.state() != -ENOTCONN) return 1;
  if (maps_a_ring()) return 7;
  if (kModule.is_armed() || kModule.has_fired()) return 2;
  if (kModule.disarm(&purged) != 0) return 3;
  if (kModule.purge(&range, 1, MADV_DONTNEED) != 0) return 4;
  if (kModule.arm(&range, 1, 1, MADV_DONTNEED) != 0) return 5;
  return pages.is_intact(0) ? 0 : 6;
}

TEST_P(UringFork, AChildHasNoRingAndDoesNotTouchTheParents) {
  Pages pages(2);
  const AddressRange armed = pages.range(0);
  ASSERT_EQ(kModule.arm(&armed, 1, kHour, MADV_DONTNEED), 1u);
  EXPECT_TRUE(maps_a_ring());
  const pid_t child = GetParam().fork();
  if (child == 0) _exit(find_no_ring(armed, pages));
  ASSERT_GT(child, 0);
  EXPECT_EQ(exit_status_of(child), 0);
  EXPECT_TRUE(kModule.is_armed());
  bool purged = true;
  EXPECT_EQ(kModule.disarm(&purged), 1u);
  EXPECT_FALSE(purged);
  EXPECT_TRUE(pages.is_intact(0));
}

TEST_P(UringFork, TheParentsDeadlineIsTheParentsAlone) {
  Pages pages(1);
  const AddressRange armed = pages.range(0);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_EQ(kModule.arm(&armed, 1, 50 * kMillisecond, MADV_DONTNEED), 1u);
  const pid_t child = GetParam().fork();
  if (child == 0) {
    char byte;
    const bool told = read(ends[0], &byte, 1) == 1;
    _exit(told ? find_no_ring(armed, pages) : 100);
  }
  EXPECT_TRUE(eventually(kModule.has_fired));
  EXPECT_EQ(write(ends[1], "x", 1), 1);
  EXPECT_EQ(exit_status_of(child), 0);
  bool purged = false;
  EXPECT_EQ(kModule.disarm(&purged), 1u);
  EXPECT_TRUE(purged);
  EXPECT_TRUE(pages.is_zero(0));
  close(ends[0]);
  close(ends[1]);
}

TEST_P(UringFork, AChildMayOpenItsOwn) {
  Pages pages(2);
  const AddressRange armed = pages.range(0);
  const AddressRange other = pages.range(1);
  ASSERT_EQ(kModule.arm(&armed, 1, kHour, MADV_DONTNEED), 1u);
  const pid_t child = GetParam().fork();
  if (child == 0) {
    bool purged = true;
    if (kModule.open() != 0) _exit(1);
    if (kModule.is_armed()) _exit(2);
    if (kModule.purge(&other, 1, MADV_DONTNEED) != 1 || !pages.is_zero(1)) _exit(3);
    if (kModule.arm(&armed, 1, kHour, MADV_DONTNEED) != 1) _exit(4);
    if (kModule.disarm(&purged) != 1 || purged || !pages.is_intact(0)) _exit(5);
    _exit(0);
  }
  EXPECT_EQ(exit_status_of(child), 0);
  EXPECT_TRUE(pages.is_intact(1));
  bool purged = true;
  EXPECT_EQ(kModule.disarm(&purged), 1u);
  EXPECT_FALSE(purged);
  EXPECT_TRUE(pages.is_intact(0));
}

INSTANTIATE_TEST_SUITE_P(All, UringFork, testing::ValuesIn(kForks), [](const auto& way) {
  return std::string(way.param.name[0] == '_' ? "underscore_Fork" : way.param.name);
});

TEST_F(Uring, TheDescriptorIsHighAndClosesOnExec) {
  const int descriptor = descriptor_of_ring();
  EXPECT_GE(descriptor, 500);
  EXPECT_TRUE(fcntl(descriptor, F_GETFD) & FD_CLOEXEC);
}

// What a program puts in the place of the descriptor that it closed.
struct Replacement {
  const char* name;
  int (*make)();
};

const Replacement kReplacements[] = {
    {"nothing", [] { return -1; }},
    {"empty_file", [] { return memfd_create("empty", 0); }},
    {"socket",
     [] {
       int ends[2];
       return pipe(ends) == 0 ? ends[0] : -1;
     }},
};

class UringLost : public Uring, public testing::WithParamInterface<Replacement> {};

TEST_P(UringLost, AClosedDescriptorIsNeverUsedAgain) {
  EXPECT_EQ(in_a_child([] {
              if (kModule.open() != 0) return 1;
              Pages pages(3);
              const AddressRange armed = pages.range(0);
              const AddressRange other = pages.range(1);
              if (kModule.arm(&armed, 1, 300 * kMillisecond, MADV_DONTNEED) != 1) return 2;
              const int descriptor = open("/dev/null", O_RDONLY) >= 0 ? descriptor_of_ring() : -1;
              // The parent's ring is inherited; ours is the one that has the higher number.
              int ours = descriptor;
              for (int next = descriptor + 1; fcntl(next, F_GETFD) >= 0; ++next) ours = next;
              const int replacement = GetParam().make();
              if (replacement >= 0 ? dup2(replacement, ours) < 0 : close(ours) != 0) return 3;
              if (kModule.state() != 0) return 4;
              if (kModule.purge(&other, 1, MADV_DONTNEED) != 0) return 5;
              if (kModule.state() != -EBADF || kModule.open() != -EBADF) return 6;
              // Either the deadline has come in the meantime or the chain is kept.
              bool purged = false;
              size_t settled = kModule.disarm(&purged);
              if (settled == 0) {
                if (!kModule.is_armed()) return 7;
                if (!eventually(kModule.has_fired)) return 8;
                settled = kModule.disarm(&purged);
              }
              if (settled != 1 || !purged || !pages.is_zero(0)) return 9;
              if (kModule.arm(&other, 1, 1, MADV_DONTNEED) != 0) return 10;
              return pages.is_intact(1) && pages.is_intact(2) ? 0 : 11;
            }),
            0);
}

INSTANTIATE_TEST_SUITE_P(All, UringLost, testing::ValuesIn(kReplacements),
                         [](const auto& way) { return std::string(way.param.name); });

TEST_F(Uring, ARingOfTheProgramInItsPlaceIsRecognised) {
  EXPECT_EQ(in_a_child([] {
              if (kModule.open() != 0) return 1;
              Pages pages(1);
              const AddressRange range = pages.range(0);
              int ours = descriptor_of_ring();
              while (fcntl(ours + 1, F_GETFD) >= 0) ++ours;
              io_uring program;
              if (io_uring_queue_init(8, &program, 0) != 0) return 2;
              io_uring_sqe* request = io_uring_get_sqe(&program);
              io_uring_prep_nop(request);
              // Published, not submitted: an entrance with a count would submit it.
              *program.sq.array = 0;
              io_uring_smp_store_release(program.sq.ktail, 1u);
              if (dup2(program.ring_fd, ours) < 0) return 3;
              if (kModule.purge(&range, 1, MADV_DONTNEED) != 0) return 4;
              if (kModule.arm(&range, 1, 1, MADV_DONTNEED) != 0) return 5;
              if (kModule.state() != -EBADF) return 6;
              if (io_uring_smp_load_acquire(program.sq.khead) != 0) return 7;
              return pages.is_intact(0) ? 0 : 8;
            }),
            0);
}

// The window between the check and the entrance: whatever purge answers, memory that is in use
// again afterwards stays as it is.
TEST_F(Uring, NothingIsPurgedAfterTheDescriptorWasLostInTheMiddle) {
  for (int round = 0; round < 40; ++round) {
    ASSERT_EQ(in_a_child([round] {
                if (kModule.open() != 0) return 1;
                Pages pages(66);
                const AddressRange armed = pages.range(65);
                if (kModule.arm(&armed, 1, 20 * kMillisecond, MADV_DONTNEED) != 1) return 2;
                int ours = descriptor_of_ring();
                while (fcntl(ours + 1, F_GETFD) >= 0) ++ours;
                AddressRange ranges[64];
                for (size_t index = 0; index < 64; ++index) ranges[index] = pages.range(index);
                std::atomic<bool> purging{false};
                std::thread closer([&] {
                  while (!purging) {
                  }
                  for (int spin = 0; spin < round * 200; ++spin) purging = true;
                  close(ours);
                });
                purging = true;
                while (kModule.purge(ranges, 64, MADV_DONTNEED) == 64) {
                }
                for (size_t page = 0; page < 64; ++page) pages.fill(page);
                closer.join();
                if (kModule.state() != -EBADF) return 3;
                if (!eventually(kModule.has_fired)) return 4;
                std::this_thread::sleep_for(std::chrono::milliseconds(5));
                for (size_t page = 0; page < 64; ++page) {
                  if (!pages.is_intact(page)) return 5;
                }
                return 0;
              }),
              0)
        << "round " << round;
  }
}

// Stages that window: published while the kernel's thread sleeps, and nobody wakes it. In a child,
// for the end of a ring interrupts the sleep of the thread that made it.
TEST_F(Uring, RequestsThatAreTakenBackNeverRun) {
  EXPECT_EQ(in_a_child([] {
              Pages pages(4);
              Ring ring{};
              if (open_ring(ring) != 0) return 1;
              const auto sleeps = [&] {
                return (*ring.queue.sq.kflags & IORING_SQ_NEED_WAKEUP) != 0;
              };
              if (!eventually(sleeps)) return 2;
              const unsigned first = ring.queue.sq.sqe_tail;
              for (size_t page = 0; page < 4; ++page) {
                io_uring_sqe* request = io_uring_get_sqe(&ring.queue);
                io_uring_prep_madvise(request, pages.range(page).start, static_cast<off_t>(kPage),
                                      MADV_DONTNEED);
                request->user_data = 1 + page;
              }
              publish(ring);
              if (take_back(ring, first, 4) != 0) return 3;
              // Woken after all, the thread finds them void.
              if (!enter(ring, 4)) return 4;
              unsigned head;
              unsigned completions = 0;
              io_uring_cqe* completion;
              io_uring_for_each_cqe(&ring.queue, head, completion) {
                if (completion->user_data != kTakenBack) return 5;
                ++completions;
              }
              if (completions != 4) return 6;
              for (size_t page = 0; page < 4; ++page) {
                if (!pages.is_intact(page)) return 7;
              }
              return 0;
            }),
            0);
}

TEST_F(Uring, TheModuleIsLoadedByItsSymbol) {
  void* library = dlopen(HAKMEM_URING_MODULE_PATH, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  ASSERT_NE(library, nullptr) << dlerror();
  const auto* module = static_cast<const UringModule*>(dlsym(library, kUringModuleSymbol));
  ASSERT_NE(module, nullptr);
  EXPECT_EQ(module->version, kUringModuleVersion);
  Pages pages(1);
  const AddressRange range = pages.range(0);
  EXPECT_EQ(module->open(), 0);
  EXPECT_EQ(module->purge(&range, 1, MADV_DONTNEED), 1u);
  EXPECT_TRUE(pages.is_zero(0));
}

TEST(UringRefused, OpenReturnsWhatTheKernelSays) {
  for (const int error : {EPERM, ENOSYS}) {
    EXPECT_EQ(in_a_child([error] {
                sock_filter program[] = {
                    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
                    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
                    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
                const sock_fprog filter = {std::size(program), program};
                if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 1;
                if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) return 2;
                Pages pages(1);
                const AddressRange range = pages.range(0);
                if (kModule.open() != -error) return 3;
                if (kModule.state() != -ENOTCONN) return 4;
                if (kModule.purge(&range, 1, MADV_DONTNEED) != 0) return 5;
                if (kModule.arm(&range, 1, 1, MADV_DONTNEED) != 0) return 6;
                return pages.is_intact(0) ? 0 : 7;
              }),
              0)
        << strerror(error);
  }
}

TEST_F(Uring, ErrnoAndTheProgramsHeapStayAsTheyWere) {
  Pages pages(2);
  const AddressRange ranges[] = {pages.range(0), pages.range(1)};
  ASSERT_EQ(mlock(ranges[1].start, ranges[1].bytes), 0);
  bool purged[2];
  errno = 4711;
  const size_t before = mallinfo2().uordblks;
  EXPECT_EQ(kModule.open(), 0);
  EXPECT_EQ(kModule.purge(ranges, 2, MADV_DONTNEED), 1u);
  EXPECT_EQ(kModule.arm(ranges, 2, kHour, MADV_DONTNEED), 2u);
  EXPECT_EQ(kModule.disarm(purged), 2u);
  EXPECT_EQ(mallinfo2().uordblks, before);
  EXPECT_EQ(errno, 4711);
}

}  // namespace
}  // namespace hakmem
