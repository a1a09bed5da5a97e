// Owns: what has to wait for the outermost end of a malloc: modules to load, a thread to make.
// Called by: the life cycle and background.cc (defer), the slow paths of malloc and calloc (reach).
// Never: reached inside a free: glibc frees thread-local storage with the lock held that
// pthread_create needs.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/bits.h"

namespace hakmem {

enum class Deferred : uint32_t { kModules = 1, kThread = 2 };

extern std::atomic<uint32_t> deferred;

void defer(Deferred what);
inline bool is_deferred(Deferred what) {
  return (deferred.load(std::memory_order_relaxed) & static_cast<uint32_t>(what)) != 0;
}
void run_deferred(uint32_t allowed);

// Nothing of the heap is held or half done here, so that what itself allocates may run. Preserves
// errno.
inline void reach_safe_point() {
  if (HAKMEM_UNLIKELY(deferred.load(std::memory_order_relaxed) != 0)) run_deferred(UINT32_MAX);
}

// The same at the end of a calloc, which pthread_create itself calls: no thread is made here.
inline void reach_safe_point_in_calloc() {
  if (HAKMEM_UNLIKELY(is_deferred(Deferred::kModules))) {
    run_deferred(static_cast<uint32_t>(Deferred::kModules));
  }
}

// Between the handlers of a fork nothing runs on the thread that forks.
void close_safe_points(bool forking);

}  // namespace hakmem
