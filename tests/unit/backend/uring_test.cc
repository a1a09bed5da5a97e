// Owns: what the io_uring module promises, on the real kernel.
// Called by: ctest.
// Never: a judgement by elapsed time; where io_uring is not permitted the tests are skipped.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "backend/uring/ring.h"
#include "backend/uring/uring_module.h"

namespace hakmem {
namespace {

constexpr const UringModule& kModule = hakmem_uring_module;
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

bool maps_a_ring() {
  std::ifstream maps("/proc/self/maps");
  const std::string text((std::istreambuf_iterator<char>(maps)), std::istreambuf_iterator<char>());
  return text.find("[io_uring]") != std::string::npos;
}

int exit_status_of(pid_t child) {
  int status = -1;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

// For what concerns a process alone: 0, or the number of the first step that failed.
int in_a_child(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(120);
    _exit(body());
  }
  const int status = exit_status_of(child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1000 - status;
}

bool refuses(int error) {
  return error == -EPERM || error == -ENOSYS || error == -EINVAL;
}

class Uring : public testing::Test {
 protected:
  void SetUp() override {
    const int result = kModule.open();
    if (refuses(result)) GTEST_SKIP() << "io_uring is not permitted: " << strerror(-result);
    ASSERT_EQ(result, 0);
    is_open_ = true;
  }
  void TearDown() override {
    if (is_open_) kModule.close();
  }

 private:
  bool is_open_ = false;
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
  EXPECT_TRUE(kModule.serves());
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
  EXPECT_TRUE(kModule.serves());
}

TEST_F(Uring, AClosedRingIsGoneAndMayBeMadeAnew) {
  Pages pages(1);
  const AddressRange range = pages.range(0);
  for (int round = 0; round < 50; ++round) {
    kModule.close();
    EXPECT_FALSE(maps_a_ring());
    EXPECT_FALSE(kModule.serves());
    EXPECT_EQ(kModule.purge(&range, 1, MADV_DONTNEED), 0u);
    ASSERT_TRUE(pages.is_intact(0));
    ASSERT_EQ(kModule.open(), 0);
    ASSERT_EQ(kModule.purge(&range, 1, MADV_DONTNEED), 1u);
    pages.fill(0);
  }
}

// A ring of one's own, to look at it from all sides.
class RestrictedRing : public testing::Test {
 protected:
  void SetUp() override {
    const int result = open_ring(ring_);
    if (refuses(result)) GTEST_SKIP() << "io_uring is not permitted: " << strerror(-result);
    ASSERT_EQ(result, 0);
    is_open_ = true;
  }
  void TearDown() override {
    if (is_open_) close_ring(ring_);
  }

  // The answer to what is queued.
  int answer() {
    if (const int result = enter(ring_, 1); result < 0) return result;
    io_uring_cqe* found = nullptr;
    if (io_uring_peek_cqe(&ring_, &found) != 0) return -ENODATA;
    const int result = found->res;
    io_uring_cqe_seen(&ring_, found);
    return result;
  }

  io_uring ring_{};
  bool is_open_ = false;
};

TEST_F(RestrictedRing, TakesNoOtherRequest) {
  for (int operation = 0; operation < IORING_OP_LAST; ++operation) {
    if (operation == IORING_OP_MADVISE) continue;
    io_uring_sqe* request = io_uring_get_sqe(&ring_);
    io_uring_prep_rw(operation, request, -1, nullptr, 0, 0);
    EXPECT_EQ(answer(), -EACCES) << operation;
  }
}

TEST_F(RestrictedRing, TakesNoFlags) {
  Pages pages(1);
  for (const unsigned flag : {IOSQE_FIXED_FILE, IOSQE_IO_DRAIN, IOSQE_IO_LINK, IOSQE_ASYNC}) {
    io_uring_sqe* request = io_uring_get_sqe(&ring_);
    io_uring_prep_madvise(request, pages.range(0).start, static_cast<off_t>(kPage), MADV_DONTNEED);
    request->flags = static_cast<uint8_t>(flag);
    EXPECT_EQ(answer(), -EACCES) << flag;
  }
  EXPECT_TRUE(pages.is_intact(0));
}

TEST_F(RestrictedRing, TakesNoRegistrations) {
  const int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(io_uring_register_files(&ring_, &file, 1), -EACCES);
  EXPECT_EQ(io_uring_register_personality(&ring_), -EACCES);
  io_uring_restriction more[1] = {};
  EXPECT_LT(io_uring_register_restrictions(&ring_, more, 1), 0);
  EXPECT_LT(io_uring_enable_rings(&ring_), 0);
  close(file);
}

TEST_F(RestrictedRing, ServesNoOtherThread) {
  Pages pages(1);
  int result = 0;
  std::thread([&] {
    io_uring_sqe* request = io_uring_get_sqe(&ring_);
    io_uring_prep_madvise(request, pages.range(0).start, static_cast<off_t>(kPage), MADV_DONTNEED);
    result = enter(ring_, 0);
  }).join();
  EXPECT_EQ(result, -EEXIST);
  EXPECT_TRUE(pages.is_intact(0));
}

TEST_F(RestrictedRing, ServesNoChildThatInheritsTheDescriptor) {
  EXPECT_EQ(in_a_child([&] {
              if (maps_a_ring()) return 1;
              const long result = syscall(SYS_io_uring_enter, ring_.ring_fd, 1, 0, 0, nullptr, 0);
              return result == -1 && errno == EEXIST ? 0 : 2;
            }),
            0);
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

TEST_P(UringFork, AChildHasNoRingAndMayOpenItsOwn) {
  Pages pages(2);
  const AddressRange others = pages.range(1);
  EXPECT_TRUE(maps_a_ring());
  const pid_t child = GetParam().fork();
  if (child == 0) {
    if (maps_a_ring()) _exit(1);
    if (kModule.open() != 0) _exit(2);
    if (kModule.purge(&others, 1, MADV_DONTNEED) != 1 || !pages.is_zero(1)) _exit(3);
    kModule.close();
    _exit(maps_a_ring() ? 4 : 0);
  }
  ASSERT_GT(child, 0);
  EXPECT_EQ(exit_status_of(child), 0);
  EXPECT_TRUE(pages.is_intact(1));
  EXPECT_EQ(kModule.purge(&others, 1, MADV_DONTNEED), 1u);
  EXPECT_TRUE(pages.is_zero(1));
}

INSTANTIATE_TEST_SUITE_P(All, UringFork, testing::ValuesIn(kForks), [](const auto& way) {
  return std::string(way.param.name[0] == '_' ? "underscore_Fork" : way.param.name);
});

void refuse_call(long call, int error) {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(call), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog filter = {std::size(program), program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(101);
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) _exit(102);
}

TEST_F(Uring, WhereTheKernelTakesNoMoreRequestsNothingIsPurgedLater) {
  EXPECT_EQ(in_a_child([] {
              if (kModule.open() != 0) return 1;
              Pages pages(64);
              AddressRange ranges[64];
              for (size_t index = 0; index < 64; ++index) ranges[index] = pages.range(index);
              refuse_call(SYS_io_uring_enter, EPERM);
              if (kModule.purge(ranges, 64, MADV_DONTNEED) != 0) return 2;
              if (kModule.serves()) return 3;
              if (kModule.purge(ranges, 64, MADV_DONTNEED) != 0) return 4;
              kModule.close();
              for (size_t page = 0; page < 64; ++page) {
                if (!pages.is_intact(page)) return 5;
              }
              return 0;
            }),
            0);
}

TEST(UringRefused, OpenReturnsWhatTheKernelSays) {
  for (const long call : {SYS_io_uring_setup, SYS_io_uring_register}) {
    for (const int error : {EPERM, ENOSYS}) {
      EXPECT_EQ(in_a_child([call, error] {
                  refuse_call(call, error);
                  Pages pages(1);
                  const AddressRange range = pages.range(0);
                  const int result = kModule.open();
                  if (call == SYS_io_uring_setup ? result != -error : result >= 0) return 3;
                  if (maps_a_ring()) return 4;
                  if (kModule.serves()) return 5;
                  if (kModule.purge(&range, 1, MADV_DONTNEED) != 0) return 6;
                  return pages.is_intact(0) ? 0 : 7;
                }),
                0)
          << call << " " << strerror(error);
    }
  }
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
  module->close();
}

TEST_F(Uring, ErrnoAndTheProgramsHeapStayAsTheyWere) {
  Pages pages(2);
  const AddressRange ranges[] = {pages.range(0), pages.range(1)};
  ASSERT_EQ(mlock(ranges[1].start, ranges[1].bytes), 0);
  errno = 4711;
  const size_t before = mallinfo2().uordblks;
  kModule.close();
  EXPECT_EQ(kModule.open(), 0);
  EXPECT_EQ(kModule.purge(ranges, 2, MADV_DONTNEED), 1u);
  EXPECT_EQ(mallinfo2().uordblks, before);
  EXPECT_EQ(errno, 4711);
}

}  // namespace
}  // namespace hakmem
