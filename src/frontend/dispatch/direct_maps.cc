// Owns: a hash table from address to size, in mappings of its own.
// Called by: see direct_maps.h.
// Never: asked for its lock by programs that map nothing directly.
#include "frontend/dispatch/direct_maps.h"

#include <atomic>
#include <bit>

#include "base/bits.h"
#include "base/lock.h"
#include "base/store_order.h"
#include "base/units.h"
#include "heap/pages/page_heap.h"
#include "telemetry/counters.h"

namespace hakmem {
namespace {

struct Entry {
  uintptr_t address;  // 0 for an empty place
  size_t bytes;
};

constinit Lock maps_lock{LockRank::kDirectMaps};
constinit std::atomic<size_t> live{0};
constinit std::atomic<size_t> live_bytes{0};

// Open addressing with linear probing, at most half full. A mapping of its own.
struct Table {
  size_t places;  // a power of two
  Entry entries[];

  static size_t bytes_for(size_t places) { return sizeof(Table) + places * sizeof(Entry); }
  size_t place_of(uintptr_t address) const {
    return (address * uint64_t{0x9E3779B97F4A7C15} >> 20) & (places - 1);
  }
  // The address's place, or the empty one where it belongs.
  Entry& probe(uintptr_t address) {
    size_t place = place_of(address);
    while (entries[place].address != 0 && entries[place].address != address) {
      place = (place + 1) & (places - 1);
    }
    return entries[place];
  }
};

constinit Table* table = nullptr;

size_t mapped_for(size_t places) {
  return round_up(Table::bytes_for(places), page_heap.backend().page_size());
}

void set(Entry& entry, uintptr_t address, size_t bytes) {
  entry.bytes = bytes;
  keep_store_order();
  entry.address = address;
}

// Under the lock. Whatever state a lost thread has left the old one in: an address that it was
// moving may be there twice.
bool replace_table(size_t places) {
  const Backend& backend = page_heap.backend();
  auto* fresh = static_cast<Table*>(backend.map(mapped_for(places), kSliceSize));
  if (fresh == nullptr) return false;
  fresh->places = places;
  Table* old = table;
  size_t entries = 0;
  for (size_t place = 0; old != nullptr && place < old->places; ++place) {
    const Entry& entry = old->entries[place];
    if (entry.address == 0) continue;
    Entry& copy = fresh->probe(entry.address);
    if (copy.address == 0) ++entries;
    copy = entry;
  }
  keep_store_order();
  table = fresh;
  live.store(entries, std::memory_order_release);
  if (old != nullptr) backend.unmap(old, mapped_for(old->places));
  return true;
}

// Under the lock.
bool make_room() {
  constexpr size_t kFirstPlaces = 4096;
  if (table == nullptr) return replace_table(kFirstPlaces);
  const bool has_room = (live.load(std::memory_order_relaxed) + 1) * 2 <= table->places;
  return has_room || replace_table(table->places * 2);
}

// Under the lock. Closes the gap that `entry` leaves in its run of probes.
void erase(Entry& entry) {
  Entry* const entries = table->entries;
  const size_t mask = table->places - 1;
  auto gap = static_cast<size_t>(&entry - entries);
  for (size_t at = (gap + 1) & mask; entries[at].address != 0; at = (at + 1) & mask) {
    const size_t wanted = table->place_of(entries[at].address);
    if (((at - wanted) & mask) < ((at - gap) & mask)) continue;
    entries[gap].address = 0;
    keep_store_order();
    set(entries[gap], entries[at].address, entries[at].bytes);
    keep_store_order();
    gap = at;
  }
  entries[gap].address = 0;
}

bool cannot_be_ours(const void* address) {
  return live.load(std::memory_order_acquire) == 0 ||
         reinterpret_cast<uintptr_t>(address) % page_heap.backend().page_size() != 0;
}

// `bytes` in whole pages. nullptr where the kernel refuses.
void* map_and_enter(size_t bytes, size_t alignment) {
  LockGuard guard(maps_lock);
  if (!make_room()) return nullptr;
  void* start = page_heap.backend().map(bytes, alignment);
  if (start == nullptr) return nullptr;
  const auto place = reinterpret_cast<uintptr_t>(start);
  set(table->probe(place), place, bytes);
  live.fetch_add(1, std::memory_order_release);
  live_bytes.fetch_add(bytes, std::memory_order_relaxed);
  count(counters.direct_maps);
  return start;
}

}  // namespace

void* map_directly(size_t bytes, size_t alignment) {
  const size_t page = page_heap.backend().page_size();
  const size_t rounded = round_up(bytes, page);
  if (rounded < bytes) return nullptr;
  alignment = std::max(alignment, page);
  if (void* start = map_and_enter(rounded, alignment)) return start;
  return page_heap.meet_address_space_limit() ? map_and_enter(rounded, alignment) : nullptr;
}

void* map_growing(size_t bytes) {
  void* start = map_directly(bytes, kHugePageSize);
  if (start != nullptr && page_heap.huge_pages_pay()) page_heap.backend().promote(start, bytes);
  return start;
}

void* remap_directly(void* address, size_t bytes) {
  const Backend& backend = page_heap.backend();
  const size_t rounded = round_up(bytes, backend.page_size());
  if (rounded < bytes) return nullptr;
  // Over the call: as soon as the old address is free, another thread's block may lie there.
  LockGuard guard(maps_lock);
  Entry& entry = table->probe(reinterpret_cast<uintptr_t>(address));
  const size_t old_bytes = entry.bytes;
  void* moved = backend.remap(address, old_bytes, rounded);
  if (moved == nullptr) return nullptr;
  const auto place = reinterpret_cast<uintptr_t>(moved);
  if (moved == address) {
    entry.bytes = rounded;
  } else {
    erase(entry);
    set(table->probe(place), place, rounded);
    count(counters.reallocated_bytes, old_bytes);
  }
  live_bytes.fetch_add(rounded - old_bytes, std::memory_order_relaxed);
  return moved;
}

bool unmap_directly(void* address) {
  if (cannot_be_ours(address)) return false;
  LockGuard guard(maps_lock);
  Entry& entry = table->probe(reinterpret_cast<uintptr_t>(address));
  if (entry.address == 0) return false;
  const size_t bytes = entry.bytes;
  erase(entry);
  live.fetch_sub(1, std::memory_order_release);
  live_bytes.fetch_sub(bytes, std::memory_order_relaxed);
  page_heap.backend().unmap(address, bytes);
  return true;
}

size_t direct_map_bytes(const void* address) {
  if (cannot_be_ours(address)) return 0;
  LockGuard guard(maps_lock);
  const Entry& entry = table->probe(reinterpret_cast<uintptr_t>(address));
  return entry.address != 0 ? entry.bytes : 0;
}

DirectMaps direct_maps_in_use() {
  return {.count = live.load(std::memory_order_relaxed),
          .bytes = live_bytes.load(std::memory_order_relaxed)};
}

void direct_maps_after_fork_in_child() {
  if (maps_lock.take_from_lost_thread() && table != nullptr) replace_table(table->places);
}

}  // namespace hakmem
