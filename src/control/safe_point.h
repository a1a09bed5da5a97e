// Owns: what has to wait for the outermost end of a malloc: a thread to make.
// Called by: background.cc (defer), the slow path of malloc (reach).
// Never: reached inside a free: glibc frees thread-local storage with the lock held that
// pthread_create needs.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/bits.h"

namespace hakmem {

extern std::atomic<bool> thread_is_deferred;

void defer_thread();
void run_deferred();

// Nothing of the heap is held or half done here, so that what itself allocates may run. Preserves
// errno.
inline void reach_safe_point() {
  if (HAKMEM_UNLIKELY(thread_is_deferred.load(std::memory_order_relaxed))) run_deferred();
}

// Between the handlers of a fork nothing runs on the thread that forks.
void close_safe_points(bool forking);

}  // namespace hakmem
