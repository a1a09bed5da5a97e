// Owns: the identity of the calling thread.
// Called by: the fast path of free, locks, the heap registry.
// Never: a system call, a thread-local variable.
#pragma once

#include <cstdint>

namespace hakmem {

// The thread pointer: unique among the live threads of a process, one instruction to read, kept
// by the main thread of a forked child. Its lowest bit is always 0.
inline uintptr_t this_thread() {
#if defined(__x86_64__) && defined(__clang__)
  uintptr_t self;
  __asm__("movq %%fs:0, %0" : "=r"(self));
  return self;
#else
  return reinterpret_cast<uintptr_t>(__builtin_thread_pointer());
#endif
}

}  // namespace hakmem
