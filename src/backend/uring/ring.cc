// Owns: the system calls on the ring and the knowledge of when the descriptor may be used.
// Called by: uring_module.cc.
// Never: io_uring_enter with requests to submit, which on another's ring would submit its own.
#include "backend/uring/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <atomic>

#include "base/system_call.h"

namespace hakmem {
namespace {

constexpr unsigned kMostEntries = 1024;
constexpr unsigned kFewestEntries = 64;
constexpr unsigned kIdleMilliseconds = 1;  // a longer wait for requests costs processor time

// Programs close the low numbers in loops and expect the lowest one from open(2). Higher than
// this, the kernel's table of descriptors grows further, which every fork copies.
constexpr int kHighDescriptor = 960;

// Holds a high number, or a negated errno. Taken before the ring is made: the ring's thread shares
// the table of descriptors, and a shared table waits milliseconds for RCU when it grows.
long high_placeholder() {
  rlimit limit{};
  system_call(SYS_prlimit64, 0, RLIMIT_NOFILE, nullptr, &limit);
  const auto lowest = static_cast<int>(std::min<rlim_t>(kHighDescriptor, limit.rlim_cur / 2));
  const long any = system_call(SYS_eventfd2, 0, EFD_CLOEXEC);
  if (any < 0) return any;
  const long high = system_call(SYS_fcntl, any, F_DUPFD_CLOEXEC, lowest);
  system_call(SYS_close, any);
  return high;
}

int make_queue(io_uring& queue) {
  int result = -ENOMEM;
  for (unsigned entries = kMostEntries; result == -ENOMEM && entries >= kFewestEntries;
       entries /= 2) {
    io_uring_params parameters{};
    parameters.flags = IORING_SETUP_SQPOLL;
    parameters.sq_thread_idle = kIdleMilliseconds;
    result = io_uring_queue_init_params(entries, &queue, &parameters);
  }
  if (result < 0) return result;
  result = io_uring_ring_dontfork(&queue);
  if (result == 0 && queue.cq.kflags == nullptr) result = -ENOSYS;
  if (result < 0) io_uring_queue_exit(&queue);
  return result;
}

// The flag is set after the thread's last look at the queue and cleared before its next one.
bool poller_sleeps(const Ring& ring) {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return (IO_URING_READ_ONCE(*ring.queue.sq.kflags) & IORING_SQ_NEED_WAKEUP) != 0;
}

long enter_kernel(const Ring& ring, unsigned completions, unsigned flags) {
  return system_call(SYS_io_uring_enter, ring.descriptor, 0, completions, flags, nullptr, 0);
}

}  // namespace

int open_ring(Ring& ring) {
  const long placeholder = high_placeholder();
  if (placeholder < 0) return static_cast<int>(placeholder);
  const int result = make_queue(ring.queue);
  if (result < 0) {
    system_call(SYS_close, placeholder);
    return result;
  }
  ring.descriptor = static_cast<int>(placeholder);
  system_call(SYS_dup3, ring.queue.ring_fd, ring.descriptor, O_CLOEXEC);
  system_call(SYS_close, ring.queue.ring_fd);
  ring.queue.ring_fd = -1;
  ring.queue.enter_ring_fd = -1;
  ring.is_open = true;
  return 0;
}

// The number leads to a ring if io_uring_enter accepts it, and to this one if a new mapping of it
// shows what is written into the old. What is written is the switch for notifications through an
// eventfd, of which there is none.
bool is_reachable(Ring& ring) {
  if (ring.is_lost) return false;
  if (enter_kernel(ring, 0, 0) < 0) {
    ring.is_lost = true;
    return false;
  }
  constexpr size_t kOnePage = 1;
  const long mapped = system_call(SYS_mmap, nullptr, kOnePage, PROT_READ, MAP_SHARED | MAP_POPULATE,
                                  ring.descriptor, IORING_OFF_CQ_RING);
  if (mapped == -ENOMEM || mapped == -EAGAIN) return false;
  if (mapped < 0 && mapped > -4096) {
    ring.is_lost = true;
    return false;
  }
  const auto offset = reinterpret_cast<const char*>(ring.queue.cq.kflags) -
                      static_cast<const char*>(ring.queue.cq.ring_ptr);
  auto* seen = reinterpret_cast<unsigned*>(mapped + offset);
  for (const bool enabled : {false, true}) {
    io_uring_cq_eventfd_toggle(&ring.queue, enabled);
    const bool shown = (IO_URING_READ_ONCE(*seen) & IORING_CQ_EVENTFD_DISABLED) == 0;
    if (shown != enabled) ring.is_lost = true;
  }
  system_call(SYS_munmap, mapped, kOnePage);
  return !ring.is_lost;
}

void publish(Ring& ring) {
  io_uring_submit(&ring.queue);
}

bool enter(Ring& ring, unsigned completions) {
  const unsigned wait = completions > 0 ? IORING_ENTER_GETEVENTS : 0;
  const unsigned wake = poller_sleeps(ring) ? IORING_ENTER_SQ_WAKEUP : 0;
  if ((wait | wake) == 0) return true;
  const long result = ring.is_lost ? -EBADF : enter_kernel(ring, completions, wait | wake);
  if (result >= 0 || result == -EINTR || result == -EAGAIN || result == -EBUSY) return true;
  ring.is_lost = true;
  return false;
}

unsigned take_back(Ring& ring, unsigned first, unsigned count) {
  const auto request = [&](unsigned index) -> io_uring_sqe& {
    return ring.queue.sq.sqes[(first + index) & ring.queue.sq.ring_mask];
  };
  // The last first: a purge that is not void must not follow a deadline that is.
  for (unsigned index = count; index-- > 0;) {
    std::atomic_ref(request(index).opcode).store(IORING_OP_NOP, std::memory_order_release);
  }
  for (;;) {
    const bool sleeps = poller_sleeps(ring);
    const unsigned head = io_uring_smp_load_acquire(ring.queue.sq.khead);
    const unsigned taken = std::min(head - first, count);
    if (taken == count) return taken;
    if (sleeps) {
      for (unsigned index = taken; index < count; ++index) {
        std::atomic_ref(request(index).user_data).store(kTakenBack, std::memory_order_relaxed);
      }
      if (poller_sleeps(ring) && io_uring_smp_load_acquire(ring.queue.sq.khead) == head) {
        return taken;
      }
    }
    const timespec a_millisecond{0, 1'000'000};
    system_call(SYS_nanosleep, &a_millisecond, nullptr);
  }
}

}  // namespace hakmem
