// Owns: the table of functions that the module libhakmem-uring.so exports.
// Called by: whoever loads the module: purges and purges at a deadline.
// Never: anything but plain data; the module has one symbol.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "backend/backend.h"

namespace hakmem {

inline constexpr uint32_t kUringModuleVersion = 1;
inline constexpr char kUringModuleSymbol[] = "hakmem_uring_module";

// Purges through an io_uring whose requests are taken by a kernel thread (IORING_SETUP_SQPOLL): on
// an ordinary ring a deadline runs on the program's threads and its epoll_wait returns EINTR.
//
// The caller makes one call at a time and none from a signal handler. All functions keep errno,
// are no cancellation points and, after `open`, allocate nothing. In a child of fork, _Fork or a
// raw clone without CLONE_VM there is no ring, whatever the parent has: all functions do nothing
// until the child calls `open` itself (the ring's descriptor stays open in it, marked
// close-on-exec). Children that share the memory (vfork) share the ring.
//
// Programs close descriptors that they did not open and reuse the numbers. Before anything is asked
// of the kernel the number is verified to lead to the very ring that is mapped here. If it
// does not, the module never uses it again: `state` says -EBADF, nothing more is purged or armed.
// What is armed by then is still purged at its deadline, since the mapping keeps the ring alive,
// and cannot be taken back before: see `disarm`.
struct UringModule {
  uint32_t version;  // kUringModuleVersion, or the table is another

  // Makes the ring: up to 1024 requests of kernel memory (100 KiB), fewer where that is refused;
  // 0.1 ms, but milliseconds in a process with several threads. 0, also when there is a ring
  // already, or a negated errno: ENOSYS, EPERM (containers, kernel.io_uring_disabled, kernels
  // before 5.11), ENOMEM, EMFILE, EBADF after the descriptor was closed. The ring lives as long as
  // the process.
  int (*open)();

  // 0: there is a ring; -ENOTCONN: there is none; -EBADF: the program closed its descriptor.
  int (*state)();

  // madvise(2) with `advice` for each range; returns when the kernel is done with all. How many
  // from the start are purged: all before the first range that the kernel refused. Later ranges may
  // have been purged as well. Ranges are page-aligned and of any size.
  size_t (*purge)(const AddressRange* ranges, size_t count, int advice);

  // Has the ranges purged `delay_ns` from now (CLOCK_MONOTONIC), in whatever the program sleeps.
  // How many from the start are armed: as many as fit, 510 on a full-size ring (a range takes one
  // place per 4 GiB); 0 when ranges are armed already, the kernel is older than 5.16 or the ring is
  // not to be reached. Armed ranges belong to the kernel until `disarm` has reported them; the
  // array itself is copied.
  size_t (*arm)(const AddressRange* ranges, size_t count, uint64_t delay_ns, int advice);

  // Takes back what is armed and returns how many ranges that was; the kernel touches none of
  // them any more. `purged` has room for as many answers; false: the contents are as they were
  // (undefined for a range above 4 GiB that was refused in part, and once `state` is -EBADF). Where
  // the deadline has come already it waits for the purge to end.
  // 0 while `is_armed` stays true: the descriptor is lost (or could not be verified for lack of
  // address space) and the deadline is still to come. The ranges stay the kernel's; ask again when
  // `has_fired`. Nothing wakes the kernel's thread without the descriptor, so that may be never.
  size_t (*disarm)(bool* purged);

  // No system call.
  bool (*is_armed)();
  // Whether the armed ranges are settled: `disarm` then makes no system call. None is made here.
  bool (*has_fired)();
};

}  // namespace hakmem

extern "C" __attribute__((visibility("default"))) const hakmem::UringModule hakmem_uring_module;
