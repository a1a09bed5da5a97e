// A backend that fails on purpose, over memory that the tests own.
#pragma once

#include <cstddef>
#include <vector>

#include "backend/backend.h"

namespace hakmem {

struct FakeBackend {
  size_t calls = 0;                // of those that a kernel may refuse
  size_t refused_call = SIZE_MAX;  // the one of them that fails
  size_t commits_until_failure = SIZE_MAX;
  size_t reserves_until_failure = SIZE_MAX;
  size_t largest_reservation = SIZE_MAX;
  size_t address_space = SIZE_MAX;  // bytes that may still be reserved
  bool refuse_purge = false;
  bool refuse_move = false;
  bool lose_move = false;  // the target is inaccessible afterwards
  MemoryLimits limits = {.physical_bytes = size_t{64} << 20, .address_space_bytes = SIZE_MAX};
  bool commit_is_charged = false;
  std::vector<AddressRange> promoted;
  uint64_t first_touch_nanoseconds = 50'000;
  uint32_t first_touches = 0;  // timed
  uint64_t coarse_time = 1;
  bool refuse_populate = false;
  size_t populates = 0;  // asked for
  bool refuse_lazy_free = false;
  bool takes_lazily_freed = false;  // at once
  size_t lazily_freed_bytes = 0;
  const char* locked = nullptr;  // what holds it cannot be purged
  uint32_t purge_calls = 0;
  size_t purged_ranges = 0;
  size_t purged_bytes = 0;
  size_t decommitted_bytes = 0;
  size_t moves = 0;  // asked for
  size_t renewed_bytes = 0;
  size_t reservations = 0;
};

// One at a time: the table of functions has no context.
extern FakeBackend fake;
extern const Backend kFakeBackend;
void reset_fake_backend();

}  // namespace hakmem
