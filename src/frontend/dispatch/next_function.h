// Owns: the way on for functions that we stand in front of and do not do ourselves.
// Called by: deepbind.cc (dlopen), syscall.cc.
// Never: libc's definition where another preloaded library waits for its turn.
#pragma once

#include <atomic>

#include "base/bits.h"

namespace hakmem {

class NextFunction {
 public:
  explicit constexpr NextFunction(const char* name) : name_(name) {}

  // The definition that follows ours in the loader's order; of a function that nobody else defines
  // one that returns 0. Thread-safe.
  void* address() {
    void* known = address_.load(std::memory_order_relaxed);
    return HAKMEM_LIKELY(known != nullptr) ? known : find();
  }

 private:
  void* find();

  const char* const name_;
  std::atomic<void*> address_{nullptr};
};

}  // namespace hakmem
