// Owns: what becomes of RTLD_DEEPBIND.
// Called by: the exported dlopen and dlmopen (dlopen.cc, in assembly).
// Never: a flag changed that libc's own dlopen would have to see.
#pragma once

#include "base/bits.h"

namespace hakmem {

// In two registers: where to go on, and with which flags.
struct Opening {
  void* next;
  long flags;
};

extern "C" HAKMEM_HIDDEN Opening hakmem_before_dlopen(int flags);
extern "C" HAKMEM_HIDDEN Opening hakmem_before_dlmopen(long name_space, int flags);

}  // namespace hakmem
