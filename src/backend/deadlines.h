// Owns: the interface through which the heap has memory purged while the program sleeps.
// Called by: the page heap; implemented by the frontend with the module libhakmem-uring.so, and by
// the fakes of the tests.
// Never: needed: without it idle memory goes back when somebody comes by.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/backend.h"

namespace hakmem {

// The caller makes one call at a time.
struct Deadlines {
  static constexpr size_t kMostRanges = 510;

  // Has the ranges purged in `nanoseconds`. How many from the start are armed; they belong to the
  // kernel until `disarm` has reported them.
  size_t (*arm)(const AddressRange* ranges, size_t count, uint64_t nanoseconds);
  // Takes back what is armed and returns how many ranges that was; `purged` has room for as many
  // answers. 0 while `is_armed` stays true: they cannot be had back now.
  size_t (*disarm)(bool* purged);
  bool (*is_armed)();
  // Whether what is armed has been purged or refused: `disarm` then is cheap. No system call.
  bool (*has_fired)();
};

}  // namespace hakmem
