// Owns: the table of functions that the module libhakmem-uring.so exports.
// Called by: whoever loads the module: purges through io_uring.
// Never: anything but plain data; the module has one symbol.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "backend/backend.h"

namespace hakmem {

inline constexpr uint32_t kUringModuleVersion = 2;
inline constexpr char kUringModuleSymbol[] = "hakmem_uring_module";

// Purges through an io_uring that takes no request but madvise and that serves no other thread than
// its maker.
//
// One thread calls all functions, with a table of descriptors of its own: the program cannot close
// the ring there, nor a child inherit it. They keep errno, are no cancellation points and allocate
// nothing. A child of a fork finds no ring mapped, and its first thread that calls `open` has one
// of its own.
struct UringModule {
  uint32_t version;  // kUringModuleVersion, or the table is another

  // Makes the ring, of 64 requests, and forgets what was before, for it was of a parent: 0, or a
  // negated errno: ENOSYS, EPERM (containers, filters, kernel.io_uring_disabled), EINVAL (before
  // Linux 6.0), ENOMEM, EMFILE.
  int (*open)();
  void (*close)();

  // madvise(2) with `advice` for each range; returns when the kernel is done with all. How many
  // from the start are purged: all before the first range that the kernel refused. Later ranges may
  // have been purged as well. Ranges are page-aligned and of any size.
  size_t (*purge)(const AddressRange* ranges, size_t count, int advice);

  // Whether purges can go on. Not after the kernel has refused to take requests.
  bool (*serves)();
};

}  // namespace hakmem

extern "C" __attribute__((visibility("default"))) const hakmem::UringModule hakmem_uring_module;
