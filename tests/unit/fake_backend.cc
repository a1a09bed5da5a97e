#include "fake_backend.h"

#include "backend/linux/linux_backend.h"

namespace hakmem {

FakeBackend fake;

void reset_fake_backend() {
  fake = {};
}

namespace {

void* reserve(size_t bytes, size_t alignment) {
  if (fake.reserves_until_failure == 0 || bytes > fake.largest_reservation) return nullptr;
  --fake.reserves_until_failure;
  ++fake.reservations;
  return kLinuxBackend.reserve(bytes, alignment);
}

bool commit(void* start, size_t bytes) {
  if (fake.commits_until_failure == 0) return false;
  --fake.commits_until_failure;
  return kLinuxBackend.commit(start, bytes);
}

bool decommit(void* start, size_t bytes) {
  fake.decommitted_bytes += bytes;
  return kLinuxBackend.decommit(start, bytes);
}

void promote(void* start, size_t bytes) {
  fake.promoted.push_back({start, bytes});
}

uint64_t first_touch(void* page) {
  *static_cast<volatile char*>(page) = 0;
  return fake.first_touch_nanoseconds;
}

uint64_t coarse_time() {
  return fake.coarse_time;
}

size_t purge(const AddressRange* ranges, size_t count) {
  if (fake.refuse_purge) return 0;
  for (size_t index = 0; index < count; ++index) fake.purged_bytes += ranges[index].bytes;
  fake.purged_ranges += count;
  return kLinuxBackend.purge(ranges, count);
}

MoveResult move(void* from, void* to, size_t bytes) {
  ++fake.moves;
  if (fake.refuse_move) return MoveResult::kStayed;
  if (!fake.lose_move) return kLinuxBackend.move(from, to, bytes);
  return kLinuxBackend.decommit(to, bytes) ? MoveResult::kLost : MoveResult::kStayed;
}

bool renew(void* start, size_t bytes) {
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
  backend.commit = commit;
  backend.decommit = decommit;
  backend.promote = promote;
  backend.first_touch = first_touch;
  backend.coarse_time = coarse_time;
  backend.precise_time = coarse_time;
  backend.purge = purge;
  backend.move = move;
  backend.renew = renew;
  backend.limits = limits;
  backend.commit_is_charged = commit_is_charged;
  return backend;
}

}  // namespace

const Backend kFakeBackend = make();

}  // namespace hakmem
