// Owns: a hash table from address to size, in mappings of its own.
// Called by: see direct_maps.h.
// Never: asked for its lock by programs that map nothing directly.
#include "frontend/direct_maps.h"

#include <atomic>
#include <bit>

#include "base/bits.h"
#include "base/lock.h"
#include "base/units.h"
#include "heap/page_heap.h"
#include "telemetry/counters.h"

namespace hakmem {
namespace {

struct Entry {
  uintptr_t address;  // 0 for an empty place
  size_t bytes;
};

constinit Lock maps_lock{LockRank::kDirectMaps};
constinit std::atomic<size_t> live{0};
constinit Entry* table = nullptr;
constinit size_t places = 0;  // a power of two

size_t place_of(uintptr_t address) {
  return (address * uint64_t{0x9E3779B97F4A7C15} >> 20) & (places - 1);
}

// Open addressing with linear probing; the address's place, or the empty one where it belongs.
Entry& probe(uintptr_t address) {
  size_t place = place_of(address);
  while (table[place].address != 0 && table[place].address != address) {
    place = (place + 1) & (places - 1);
  }
  return table[place];
}

// Under the lock. Keeps the table at most half full.
bool make_room() {
  if (table != nullptr && (live.load(std::memory_order_relaxed) + 1) * 2 <= places) return true;
  const Backend& backend = page_heap.backend();
  Entry* old_table = table;
  const size_t old_places = places;
  const size_t grown = old_places == 0 ? kSliceSize / sizeof(Entry) : old_places * 2;
  auto* fresh = static_cast<Entry*>(backend.map(grown * sizeof(Entry), kSliceSize));
  if (fresh == nullptr) return false;
  table = fresh;
  places = grown;
  for (size_t place = 0; place < old_places; ++place) {
    if (old_table[place].address != 0) probe(old_table[place].address) = old_table[place];
  }
  if (old_table != nullptr) backend.unmap(old_table, old_places * sizeof(Entry));
  return true;
}

// Under the lock. Closes the gap that `entry` leaves in its run of probes.
void erase(Entry& entry) {
  auto gap = static_cast<size_t>(&entry - table);
  table[gap].address = 0;
  for (size_t at = (gap + 1) & (places - 1); table[at].address != 0; at = (at + 1) & (places - 1)) {
    const size_t wanted = place_of(table[at].address);
    if (((at - wanted) & (places - 1)) < ((at - gap) & (places - 1))) continue;
    table[gap] = table[at];
    table[at].address = 0;
    gap = at;
  }
}

bool cannot_be_ours(const void* address) {
  return live.load(std::memory_order_acquire) == 0 ||
         reinterpret_cast<uintptr_t>(address) % page_heap.backend().page_size() != 0;
}

}  // namespace

void* map_directly(size_t bytes, size_t alignment) {
  const Backend& backend = page_heap.backend();
  const size_t page = backend.page_size();
  const size_t rounded = round_up(bytes, page);
  if (rounded < bytes) return nullptr;
  LockGuard guard(maps_lock);
  if (!make_room()) return nullptr;
  void* start = backend.map(rounded, alignment > page ? alignment : page);
  if (start == nullptr) return nullptr;
  probe(reinterpret_cast<uintptr_t>(start)) = {reinterpret_cast<uintptr_t>(start), rounded};
  live.fetch_add(1, std::memory_order_release);
  count(counters.direct_maps);
  return start;
}

bool unmap_directly(void* address) {
  if (cannot_be_ours(address)) return false;
  LockGuard guard(maps_lock);
  Entry& entry = probe(reinterpret_cast<uintptr_t>(address));
  if (entry.address == 0) return false;
  const size_t bytes = entry.bytes;
  erase(entry);
  live.fetch_sub(1, std::memory_order_release);
  page_heap.backend().unmap(address, bytes);
  return true;
}

size_t direct_map_bytes(const void* address) {
  if (cannot_be_ours(address)) return 0;
  LockGuard guard(maps_lock);
  const Entry& entry = probe(reinterpret_cast<uintptr_t>(address));
  return entry.address != 0 ? entry.bytes : 0;
}

void direct_maps_before_fork() {
  maps_lock.lock_for_fork();
}
void direct_maps_after_fork_in_parent() {
  maps_lock.unlock_after_fork_in_parent();
}
void direct_maps_after_fork_in_child() {
  maps_lock.reset_after_fork_in_child();
}

}  // namespace hakmem
