// Owns: the thread's loop, and its state on the page that children find wiped.
// Called by: see background_thread.h.
// Never: an allocation by the thread itself.
//
//   kNone -> kStarting -> kRunning -> kStopping -> kNone
//                             '-----> kEnded: for good
#include "backend/linux/guest/background_thread.h"

#include <linux/close_range.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <cstddef>

#include "backend/linux/memory/own_descriptors.h"
#include "backend/linux/memory/process_page.h"
#include "base/system_call.h"

namespace hakmem {
namespace {

constexpr size_t kStackBytes = size_t{128} << 10;  // with the program's static TLS
constexpr long kCloseRangeNumber = 436;            // of every architecture; Linux 5.9

enum State : uint32_t { kNone, kStarting, kRunning, kStopping, kEnded };
enum Sleep : uint32_t { kAwake, kUntilDue, kUntilWoken };

constinit std::atomic<const BackgroundWork*> background_work{nullptr};
constinit std::atomic<pthread_t> handle{};
constinit std::atomic<bool> barriers_work{false};

// The program may close and reuse any number, count its numbers, and expect the lowest; children
// inherit what is open. Linux 5.9, or 2.6.16 and a loop over what is usual.
bool take_own_descriptors() {
  if (system_call(kCloseRangeNumber, 0, ~0u, CLOSE_RANGE_UNSHARE) == 0) return true;
  if (system_call(SYS_unshare, CLONE_FILES) != 0) return false;
  constexpr int kUsual = 1024;
  for (int number = 0; number < kUsual; ++number) system_call(SYS_close, number);
  return true;
}

// Of all threads: what each has stored before the call shows, and what it loads after it is new.
void prepare_barriers() {
  const long registered =
      system_call(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
  barriers_work.store(registered == 0, std::memory_order_relaxed);
}

bool barrier_among_threads() {
  return barriers_work.load(std::memory_order_relaxed) &&
         system_call(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0;
}

void sleep_for(ProcessPage& mine, uint32_t seen, uint64_t nanoseconds) {
  const timespec span{.tv_sec = static_cast<time_t>(nanoseconds / 1'000'000'000),
                      .tv_nsec = static_cast<long>(nanoseconds % 1'000'000'000)};
  system_call(SYS_futex, &mine.wakes, FUTEX_WAIT_PRIVATE, seen, nanoseconds == 0 ? nullptr : &span);
}

bool goes_on(const ProcessPage& mine) {
  return mine.thread_state.load(std::memory_order_seq_cst) <= kRunning;
}

// Whoever frees looks at the flag without a fence: the barrier stands in for theirs.
uint64_t step_and_announce(const BackgroundWork& work, ProcessPage& mine) {
  constexpr uint64_t kWithoutBarriers = 1'000'000'000;
  uint64_t pause = work.step();
  if (pause != 0) {
    mine.sleep.store(kUntilDue, std::memory_order_seq_cst);
    return pause;
  }
  work.sleeping(true);
  mine.sleep.store(kUntilWoken, std::memory_order_seq_cst);
  const bool told = barrier_among_threads();
  pause = work.step();
  return pause == 0 && !told ? kWithoutBarriers : pause;
}

void* run(void* page) {
  auto& mine = *static_cast<ProcessPage*>(page);
  set_own_descriptors(take_own_descriptors());
  system_call(SYS_prctl, PR_SET_NAME, "hakmem-purge");
  prepare_barriers();
  const BackgroundWork& work = *background_work.load(std::memory_order_acquire);
  work.begin();
  uint32_t seen = mine.wakes.load(std::memory_order_seq_cst);
  while (goes_on(mine)) {
    const uint64_t pause = step_and_announce(work, mine);
    if (pause == kEndOfThread) {
      uint32_t running = kRunning;
      if (mine.thread_state.compare_exchange_strong(running, kEnded)) {
        pthread_detach(pthread_self());
        break;
      }
    } else if (goes_on(mine)) {
      sleep_for(mine, seen, pause);
    }
    mine.sleep.store(kAwake, std::memory_order_seq_cst);
    work.sleeping(false);
    seen = mine.wakes.load(std::memory_order_seq_cst);
  }
  mine.sleep.store(kAwake, std::memory_order_seq_cst);
  work.sleeping(false);
  return nullptr;
}

void wake(ProcessPage& sleeper) {
  sleeper.wakes.fetch_add(1, std::memory_order_seq_cst);
  system_call(SYS_futex, &sleeper.wakes, FUTEX_WAKE_PRIVATE, 1);
}

bool create_with_stack(size_t bytes, ProcessPage& mine, pthread_t& thread) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  const bool created = (bytes == 0 || pthread_attr_setstacksize(&attributes, bytes) == 0) &&
                       pthread_create(&thread, &attributes, run, &mine) == 0;
  pthread_attr_destroy(&attributes);
  return created;
}

bool create(ProcessPage& mine) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  // EINVAL: the program's static TLS does not leave room on such a stack.
  const bool created =
      create_with_stack(kStackBytes, mine, thread) || create_with_stack(0, mine, thread);
  if (created) handle.store(thread, std::memory_order_release);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return created;
}

// pthread_join is a cancellation point, and malloc none.
class WithoutCancellation {
 public:
  WithoutCancellation() { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_); }
  ~WithoutCancellation() { pthread_setcancelstate(before_, nullptr); }
  WithoutCancellation(const WithoutCancellation&) = delete;
  WithoutCancellation& operator=(const WithoutCancellation&) = delete;

 private:
  int before_ = PTHREAD_CANCEL_ENABLE;
};

}  // namespace

StartOfThread start_background_thread(const BackgroundWork& work) {
  ProcessPage* mine = make_process_page();
  if (mine == nullptr) return StartOfThread::kRefused;
  uint32_t none = kNone;
  if (!mine->thread_state.compare_exchange_strong(none, kStarting)) return StartOfThread::kBusy;
  background_work.store(&work, std::memory_order_release);
  const WithoutCancellation without_cancellation;
  const bool created = create(*mine);
  mine->thread_state.store(created ? kRunning : kNone, std::memory_order_seq_cst);
  return created ? StartOfThread::kMade : StartOfThread::kRefused;
}

void stop_background_thread() {
  ProcessPage* mine = process_page();
  if (mine == nullptr) return;
  uint32_t state = kRunning;
  if (!mine->thread_state.compare_exchange_strong(state, kStopping)) return;
  wake(*mine);
  const WithoutCancellation without_cancellation;
  pthread_join(handle.load(std::memory_order_acquire), nullptr);
  mine->thread_state.store(kNone, std::memory_order_seq_cst);
}

bool background_thread_is_running() {
  const ProcessPage* mine = process_page();
  return mine != nullptr && mine->thread_state.load(std::memory_order_relaxed) == kRunning;
}

void wake_background_thread() {
  ProcessPage* mine = process_page();
  if (mine == nullptr || mine->sleep.load(std::memory_order_seq_cst) == kAwake) return;
  // One caller wakes it; the others see it awake.
  if (mine->sleep.exchange(kAwake, std::memory_order_seq_cst) != kAwake) wake(*mine);
}

void rouse_background_thread() {
  const ProcessPage* mine = process_page();
  if (mine != nullptr && mine->sleep.load(std::memory_order_relaxed) == kUntilWoken) {
    wake_background_thread();
  }
}

}  // namespace hakmem
