// Owns: the kernel's clocks, read without libc between.
// Called by: address_space.cc, confinement.cc.
// Never: a function that another library may put itself in front of: sanitizers do, and are not set
// up when the first allocations come; so do libraries that fake the time.
#pragma once

#include <time.h>

#include <cstdint>

namespace hakmem {

// Nanoseconds. Through the vDSO (vdso(7)), or a system call where there is none.
uint64_t read_clock(clockid_t clock);

}  // namespace hakmem
