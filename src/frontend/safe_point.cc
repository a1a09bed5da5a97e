// Owns: the flags of what is deferred.
// Called by: see safe_point.h.
// Never: anything run twice, or from within itself.
#include "frontend/safe_point.h"

#include <errno.h>
#include <link.h>
#include <unistd.h>

#include "frontend/background.h"
#include "frontend/modules.h"

// The loader's interface with debuggers (link.h); weak, for static programs have none.
extern struct r_debug _r_debug __attribute__((weak));

namespace hakmem {
namespace {

// The thread's own: each page that is written around a fork is copied, in the parent and in the
// child, and that of thread-local storage is anyway.
__thread bool closed __attribute__((tls_model("initial-exec"))) = false;

// The loader runs our constructors before libc's. A dlopen at that time would have libc initialised
// without its arguments and its environment; one from inside a dlopen finds the loader's lists half
// done.
bool dlopen_is_possible() {
  return environ != nullptr && &_r_debug != nullptr && _r_debug.r_state == r_debug::RT_CONSISTENT;
}

bool take(Deferred what) {
  const auto bit = static_cast<uint32_t>(what);
  return (deferred.fetch_and(~bit, std::memory_order_relaxed) & bit) != 0;
}

}  // namespace

constinit std::atomic<uint32_t> deferred{0};

void defer(Deferred what) {
  deferred.fetch_or(static_cast<uint32_t>(what), std::memory_order_relaxed);
}

void run_deferred(uint32_t allowed) {
  if (closed) return;
  const int saved = errno;
  if (dlopen_is_possible() && take(Deferred::kModules)) load_modules();
  if ((allowed & static_cast<uint32_t>(Deferred::kThread)) != 0 && take(Deferred::kThread))
    make_background_thread();
  errno = saved;
}

void close_safe_points(bool forking) {
  closed = forking;
}

}  // namespace hakmem
