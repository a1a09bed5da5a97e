// Owns: the thread's loop and the page that tells whether it runs.
// Called by: see background_thread.h.
// Never: an allocation by the thread itself.
#include "backend/linux/background_thread.h"

#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

#include <atomic>
#include <cstddef>

#include "base/system_call.h"

namespace hakmem {
namespace {

constexpr size_t kStackBytes = size_t{128} << 10;  // with the program's static TLS

enum Sleep : uint32_t { kAwake, kUntilDue, kUntilWoken };

// On a page of its own that is wiped in children.
struct State {
  std::atomic<uint32_t> running;
  std::atomic<uint32_t> sleep;
  std::atomic<uint32_t> wakes;  // the futex
};

constinit std::atomic<State*> state{nullptr};
constinit std::atomic<BackgroundWork> background_work{nullptr};

// Without MADV_WIPEONFORK (qemu-user, old filters) there is no thread.
State* make_state() {
  if (State* made = state.load(std::memory_order_acquire)) return made;
  const size_t bytes = getauxval(AT_PAGESZ);
  const long page =
      system_call(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  if (static_cast<unsigned long>(page) > -4096ul) return nullptr;
  auto* fresh = reinterpret_cast<State*>(page);
  State* other = nullptr;
  if (system_call(SYS_madvise, page, bytes, MADV_WIPEONFORK) != 0 ||
      !state.compare_exchange_strong(other, fresh, std::memory_order_acq_rel)) {
    system_call(SYS_munmap, page, bytes);
    return other;
  }
  return fresh;
}

void sleep_for(State& mine, uint32_t seen, uint64_t nanoseconds) {
  const timespec span{.tv_sec = static_cast<time_t>(nanoseconds / 1'000'000'000),
                      .tv_nsec = static_cast<long>(nanoseconds % 1'000'000'000)};
  mine.sleep.store(nanoseconds == 0 ? kUntilWoken : kUntilDue, std::memory_order_seq_cst);
  system_call(SYS_futex, &mine.wakes, FUTEX_WAIT_PRIVATE, seen, nanoseconds == 0 ? nullptr : &span);
  mine.sleep.store(kAwake, std::memory_order_seq_cst);
}

void* run(void* page) {
  auto& mine = *static_cast<State*>(page);
  system_call(SYS_prctl, PR_SET_NAME, "hakmem-purge");
  const BackgroundWork work = background_work.load(std::memory_order_acquire);
  uint32_t seen = mine.wakes.load(std::memory_order_seq_cst);
  while (true) {
    uint64_t pause = work();
    if (pause == 0) {
      // Whoever frees from here on sees that the thread sleeps; what was freed before shows now.
      mine.sleep.store(kUntilWoken, std::memory_order_seq_cst);
      pause = work();
    }
    sleep_for(mine, seen, pause);
    seen = mine.wakes.load(std::memory_order_seq_cst);
  }
}

void wake(State& sleeper) {
  sleeper.wakes.fetch_add(1, std::memory_order_seq_cst);
  system_call(SYS_futex, &sleeper.wakes, FUTEX_WAKE_PRIVATE, 1);
}

bool create(State& mine) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  // EINVAL: the program's static TLS does not leave room on such a stack.
  bool created = pthread_attr_setstacksize(&attributes, kStackBytes) == 0 &&
                 pthread_create(&thread, &attributes, run, &mine) == 0;
  if (!created) {
    pthread_attr_t roomy;
    if (pthread_attr_init(&roomy) == 0) {
      pthread_attr_setdetachstate(&roomy, PTHREAD_CREATE_DETACHED);
      created = pthread_create(&thread, &roomy, run, &mine) == 0;
      pthread_attr_destroy(&roomy);
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  return created;
}

}  // namespace

bool start_background_thread(BackgroundWork work) {
  State* mine = make_state();
  uint32_t none = 0;
  if (mine == nullptr ||
      !mine->running.compare_exchange_strong(none, 1, std::memory_order_acq_rel)) {
    return false;
  }
  background_work.store(work, std::memory_order_release);
  if (create(*mine)) return true;
  mine->running.store(0, std::memory_order_release);
  return false;
}

bool background_thread_is_running() {
  const State* mine = state.load(std::memory_order_relaxed);
  return mine != nullptr && mine->running.load(std::memory_order_relaxed) != 0;
}

void wake_background_thread() {
  State* mine = state.load(std::memory_order_acquire);
  if (mine == nullptr || mine->sleep.load(std::memory_order_seq_cst) == kAwake) return;
  // One caller wakes it; the others see it awake.
  if (mine->sleep.exchange(kAwake, std::memory_order_seq_cst) != kAwake) wake(*mine);
}

void rouse_background_thread() {
  State* mine = state.load(std::memory_order_acquire);
  // Between what the caller freed and the look at the thread, which looks the other way round.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (mine == nullptr || mine->sleep.load(std::memory_order_seq_cst) != kUntilWoken) return;
  wake_background_thread();
}

}  // namespace hakmem
