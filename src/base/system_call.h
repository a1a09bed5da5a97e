// Owns: system calls without libc between.
// Called by: base and backend/linux.
// Never: errno touched; a cancellation point (pthreads(7)), for malloc is none.
#pragma once

#include <sys/syscall.h>

#include <cstdint>
#include <type_traits>

namespace hakmem {

namespace detail {

template <class Value>
long as_word(Value value) {
  if constexpr (std::is_integral_v<Value> || std::is_enum_v<Value>) {
    return static_cast<long>(value);
  } else {
    return static_cast<long>(reinterpret_cast<uintptr_t>(value));
  }
}

inline long enter_kernel(long number, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0"
                   : "+r"(x0)
                   : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                   : "memory");
  return x0;
#else
#error "hakmem runs on x86-64 and aarch64"
#endif
}

}  // namespace detail

// The kernel's answer: a negative errno value on failure. Arguments are integers and pointers; what
// is left out is 0.
template <class... Arguments>
long system_call(long number, Arguments... arguments) {
  static_assert(sizeof...(Arguments) <= 6);
  long words[6] = {detail::as_word(arguments)...};
  return detail::enter_kernel(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

}  // namespace hakmem
