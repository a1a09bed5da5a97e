#include "fake_backend.h"

#include <algorithm>

#include "backend/linux/memory/linux_backend.h"

namespace hakmem {

FakeBackend fake;

void reset_fake_backend() {
  fake = {};
}

namespace {

void* reserve(size_t bytes, size_t alignment) {
  if (fake.reserves_until_failure == 0 || bytes > fake.largest_reservation) return nullptr;
  if (bytes > fake.address_space) return nullptr;
  fake.address_space -= bytes;
  --fake.reserves_until_failure;
  ++fake.reservations;
  return kLinuxBackend.reserve(bytes, alignment);
}

void release(void* start, size_t bytes) {
  fake.address_space += bytes;
  kLinuxBackend.release(start, bytes);
}

bool is_refused() {
  return fake.calls++ == fake.refused_call;
}

bool commit(void* start, size_t bytes) {
  if (is_refused()) return false;
  if (fake.commits_until_failure == 0) return false;
  --fake.commits_until_failure;
  return kLinuxBackend.commit(start, bytes);
}

bool decommit(void* start, size_t bytes) {
  if (is_refused()) return false;
  fake.decommitted_bytes += bytes;
  return kLinuxBackend.decommit(start, bytes);
}

void promote(void* start, size_t bytes) {
  fake.promoted.push_back({start, bytes});
}

uint64_t first_touch(void* page, size_t) {
  *static_cast<volatile char*>(page) = 0;
  ++fake.first_touches;
  return fake.first_touch_nanoseconds;
}

uint64_t coarse_time() {
  return fake.coarse_time;
}

bool is_locked(const AddressRange& range) {
  const auto* start = static_cast<const char*>(range.start);
  return fake.locked >= start && fake.locked < start + range.bytes;
}

size_t purge(const AddressRange* ranges, size_t count) {
  ++fake.purge_calls;
  if (fake.refuse_purge) return 0;
  if (is_refused()) count /= 2;
  count = static_cast<size_t>(std::find_if(ranges, ranges + count, is_locked) - ranges);
  for (size_t index = 0; index < count; ++index) fake.purged_bytes += ranges[index].bytes;
  fake.purged_ranges += count;
  return kLinuxBackend.purge(ranges, count);
}

bool populate(void* start, size_t bytes) {
  ++fake.populates;
  return !fake.refuse_populate && !is_refused() && kLinuxBackend.populate(start, bytes);
}

bool lazily_free(void* start, size_t bytes) {
  if (fake.refuse_lazy_free || is_refused()) return false;
  const AddressRange range{start, bytes};
  if (fake.takes_lazily_freed) kLinuxBackend.purge(&range, 1);
  fake.lazily_freed_bytes += bytes;
  return true;
}

MoveResult move(void* from, void* to, size_t bytes) {
  ++fake.moves;
  if (fake.refuse_move || is_refused()) return MoveResult::kStayed;
  if (!fake.lose_move) return kLinuxBackend.move(from, to, bytes);
  return kLinuxBackend.decommit(to, bytes) ? MoveResult::kLost : MoveResult::kStayed;
}

bool renew(void* start, size_t bytes) {
  if (is_refused()) return false;
  fake.renewed_bytes += bytes;
  return kLinuxBackend.renew(start, bytes);
}

MemoryLimits limits() {
  return fake.limits;
}

bool commit_is_charged() {
  return fake.commit_is_charged;
}

Backend make() {
  Backend backend = kLinuxBackend;
  backend.reserve = reserve;
  backend.release = release;
  backend.commit = commit;
  backend.decommit = decommit;
  backend.promote = promote;
  backend.first_touch = first_touch;
  backend.coarse_time = coarse_time;
  backend.cpu_time = coarse_time;
  backend.purge = purge;
  backend.populate = populate;
  backend.lazily_free = lazily_free;
  backend.move = move;
  backend.renew = renew;
  backend.limits = limits;
  backend.commit_is_charged = commit_is_charged;
  return backend;
}

}  // namespace

const Backend kFakeBackend = make();

}  // namespace hakmem
