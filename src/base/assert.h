// Owns: run-time assertions: what the code relies on, said where it relies on it.
// Called by: every layer; on in the presets debug, asan, tsan and fuzz (HAKMEM_ASSERTIONS).
// Never: an effect in the condition; a check of what a program may do wrong: that is always on.
#pragma once

#include "base/bits.h"
#include "base/log.h"

#if defined(HAKMEM_ASSERTIONS)
#define HAKMEM_ASSERT_LINE_TEXT(line) #line
#define HAKMEM_ASSERT_LINE(line) HAKMEM_ASSERT_LINE_TEXT(line)
#define HAKMEM_ASSERT(condition)                                                                \
  (HAKMEM_LIKELY(condition)                                                                     \
       ? static_cast<void>(0)                                                                   \
       : ::hakmem::fatal("assertion", __FILE__ ":" HAKMEM_ASSERT_LINE(__LINE__) " " #condition, \
                         0))
#else
#define HAKMEM_ASSERT(condition) static_cast<void>(0)
#endif

namespace hakmem {

#if defined(HAKMEM_ASSERTIONS)
inline constexpr bool kAssertions = true;
#else
inline constexpr bool kAssertions = false;
#endif

}  // namespace hakmem
