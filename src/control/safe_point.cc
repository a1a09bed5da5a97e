// Owns: the flag of what is deferred.
// Called by: see safe_point.h.
// Never: anything run twice, or from within itself.
#include "control/safe_point.h"

#include <errno.h>

#include "control/background.h"

namespace hakmem {
namespace {

// The thread's own: each page that is written around a fork is copied, in the parent and in the
// child, and that of thread-local storage is anyway.
__thread bool closed __attribute__((tls_model("initial-exec"))) = false;

}  // namespace

constinit std::atomic<bool> thread_is_deferred{false};

void defer_thread() {
  thread_is_deferred.store(true, std::memory_order_relaxed);
}

void run_deferred() {
  if (closed) return;
  const int saved = errno;
  if (thread_is_deferred.exchange(false, std::memory_order_relaxed)) make_background_thread();
  errno = saved;
}

void close_safe_points(bool forking) {
  closed = forking;
}

}  // namespace hakmem
