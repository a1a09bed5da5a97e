// Owns: the order in which a thread's stores show.
// Called by: whoever changes what a child of a fork may find half changed.
// Never: a fence against loads; see the C++ memory model for those.
#pragma once

namespace hakmem {

// What was stored before shows before what is stored after, to every other thread and to a child of
// a fork: the kernel takes the memory of a thread as it stands after some prefix of its stores.
inline void keep_store_order() {
#if defined(__aarch64__)
  __asm__ volatile("dmb ishst" : : : "memory");
#else
  __asm__ volatile("" : : : "memory");
#endif
}

}  // namespace hakmem
