// Owns: reserving, committing and purging address space by system calls.
// Called by: the heap, through kLinuxBackend.
// Never: a call that returns EINTR to the program, a changed errno, an allocation.
#include <errno.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include <atomic>

#include "backend/linux/memory/kernel_clock.h"
#include "backend/linux/memory/linux_backend.h"
#include "backend/linux/memory/process_facts.h"
#include "backend/linux/memory/purge_ladder.h"
#include "base/bits.h"
#include "base/system_call.h"
#include "base/units.h"

#ifndef MADV_POPULATE_WRITE  // Linux 5.14
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif

namespace hakmem {
namespace {

// Of a call that returns an address: the last page of the address space holds negated errno values.
bool failed(long address) {
  return static_cast<unsigned long>(address) > -4096ul;
}

size_t page_size() {
  return static_cast<size_t>(getauxval(AT_PAGESZ));
}

// mmap aligns to a page: ask for more and give the ends back.
void* map_aligned(size_t bytes, size_t alignment, int protection) {
  const size_t slack = alignment > page_size() ? alignment - page_size() : 0;
  if (bytes + slack < bytes) return nullptr;
  const long mapped =
      system_call(SYS_mmap, 0, bytes + slack, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  if (failed(mapped)) return nullptr;
  const auto start = static_cast<uintptr_t>(mapped);
  const uintptr_t aligned = round_up(start, alignment);
  const size_t head = aligned - start;
  if (head > 0) system_call(SYS_munmap, start, head);
  if (slack > head) system_call(SYS_munmap, aligned + bytes, slack - head);
  return reinterpret_cast<void*>(aligned);
}

// Under `enabled` = always the kernel would back sparse memory, metadata included, by huge pages.
// Not asked what is set: the advice costs less than reading the file, and the setting may change.
void prefer_small_pages(void* start, size_t bytes) {
  system_call(SYS_madvise, start, bytes, MADV_NOHUGEPAGE);
}

// A debugger writes all that is mapped to its dump (gcore), 13 GB of a reservation.
void prepare_reserved(void* start, size_t bytes) {
  prefer_small_pages(start, bytes);
  system_call(SYS_madvise, start, bytes, MADV_DONTDUMP);
}

// Without MAP_NORESERVE: address space without access is not charged, and the commit is, so that
// the kernel's overcommit heuristic refuses what it would refuse of mmap.
void* reserve(size_t bytes, size_t alignment) {
  void* start = map_aligned(bytes, alignment, PROT_NONE);
  if (start != nullptr) prepare_reserved(start, bytes);
  return start;
}

void* map(size_t bytes, size_t alignment) {
  return map_aligned(bytes, alignment, PROT_READ | PROT_WRITE);
}

// Libraries that register memory with devices (RDMA, MPI) put themselves in front of libc's
// functions to hear of pages that leave their address: those that take pages away are called by
// name. None of them is a cancellation point.
void unmap(void* start, size_t bytes) {
  const int saved = errno;
  munmap(start, bytes);
  errno = saved;
}

// A new mapping over the old one.
bool map_anew(void* start, size_t bytes, int protection) {
  if (failed(system_call(SYS_mmap, start, bytes, protection,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1))) {
    return false;
  }
  if (protection == PROT_NONE) {
    prepare_reserved(start, bytes);
  } else {
    prefer_small_pages(start, bytes);
  }
  return true;
}

// By mmap, for mprotect does not look at RLIMIT_AS. A limit that was set after the reservation, by
// whomever, is felt here, and nowhere else need anybody ask for it.
bool commit(void* start, size_t bytes) {
  return map_anew(start, bytes, PROT_READ | PROT_WRITE);
}

// Without access it is charged to nobody: what refuses this is the limit of address space.
bool address_space_is_refused(void* reserved) {
  return !map_anew(reserved, page_size(), PROT_NONE);
}

void release(void* start, size_t bytes) {
  system_call(SYS_munmap, start, bytes);
}

bool purge_one(void* start, size_t bytes) {
  const AddressRange range{start, bytes};
  return purge_ranges(&range, 1) == 1;
}

// Neither MADV_DONTNEED nor mprotect lowers Committed_AS.
bool decommit(void* start, size_t bytes) {
  if (!purge_one(start, bytes)) return false;
  return map_anew(start, bytes, PROT_NONE);
}

void restore_access(void* start, size_t bytes) {
  system_call(SYS_mprotect, start, bytes, PROT_READ | PROT_WRITE);
}

// Advice that reads ahead at most, of the calls that a filter lets libc's malloc make (mincore(2)
// is none of them); ENOMEM tells of unmapped addresses.
bool is_mapped(const void* address) {
  const uintptr_t page = round_down(reinterpret_cast<uintptr_t>(address), page_size());
  return system_call(SYS_madvise, page, page_size(), MADV_WILLNEED) != -ENOMEM;
}

// Blocks of the program lay there, and what it asked of their pages was meant for those.
void undo_requests(void* start, size_t bytes) {
  restore_access(start, bytes);
  for (const int advice : {MADV_KEEPONFORK, MADV_DOFORK, MADV_DODUMP}) {
    system_call(SYS_madvise, start, bytes, advice);
  }
}

bool remap_by_name(void* from, size_t bytes, size_t new_bytes, int flags, void* to) {
  const int saved = errno;
  const bool done = mremap(from, bytes, new_bytes, flags, to) != MAP_FAILED;
  errno = saved;
  return done;
}

bool move_pages(void* from, void* to, size_t bytes, int flags) {
  return remap_by_name(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED | flags, to);
}

// Emulators (qemu-user) forget the source of such a move: the kernel that they run on has it, but
// they refuse its addresses.
bool kernel_can_write_to(void* start) {
  return system_call(SYS_clock_gettime, CLOCK_MONOTONIC, start) == 0 &&
         purge_one(start, page_size());
}

// The first one goes by way of a reservation, which may be lost. Refused, that may be another
// thread's by now.
MoveResult prove_moves(void* from, void* to, size_t bytes) {
  void* scratch = map_aligned(bytes, bytes, PROT_NONE);
  if (scratch == nullptr || !move_pages(from, scratch, bytes, MREMAP_DONTUNMAP)) {
    return MoveResult::kStayed;
  }
  if (!kernel_can_write_to(from)) {
    map_anew(from, bytes, PROT_READ | PROT_WRITE);
    system_call(SYS_munmap, scratch, bytes);
    return MoveResult::kStayed;
  }
  return move_pages(scratch, to, bytes, 0) ? MoveResult::kMoved : MoveResult::kLost;
}

constinit std::atomic<bool> moves_are_proved{false};

// MREMAP_DONTUNMAP since Linux 5.7. Refused, the target is given up: the kernel unmaps it before it
// looks at limits, may stop half way where the source lies in several mappings (Linux 6.17), and
// another thread's mapping may lie there by now. The source keeps its mappings in any case. A lock
// would travel along, and munlock(2) is none of the calls that libc's malloc makes.
MoveResult move(void* from, void* to, size_t bytes) {
  if (process_facts.memory_was_locked.load(std::memory_order_relaxed)) return MoveResult::kStayed;
  if (!purge_one(to, bytes)) return MoveResult::kStayed;
  undo_requests(from, bytes);
  if (!moves_are_proved.load(std::memory_order_relaxed)) {
    const MoveResult first = prove_moves(from, to, bytes);
    if (first == MoveResult::kMoved) moves_are_proved.store(true, std::memory_order_relaxed);
    return first;
  }
  return move_pages(from, to, bytes, MREMAP_DONTUNMAP) ? MoveResult::kMoved : MoveResult::kLost;
}

// With another size the kernel moves one mapping as a whole or nothing at all; so does libc's
// realloc. A huge page that comes to another place in its 2 MiB is split: hence the reservation.
// Where it was refused, that may be another thread's by now.
void* remap(void* start, size_t bytes, size_t new_bytes) {
  if (remap_by_name(start, bytes, new_bytes, 0, nullptr)) return start;
  if (new_bytes <= bytes) return nullptr;
  void* target = map_aligned(new_bytes, kHugePageSize, PROT_NONE);
  constexpr int kMoving = MREMAP_MAYMOVE | MREMAP_FIXED;
  const bool moved = target != nullptr && remap_by_name(start, bytes, new_bytes, kMoving, target);
  return moved ? target : nullptr;
}

// Purged first: locked memory refuses that, and should the new mapping fail, the old one is empty.
bool renew(void* start, size_t bytes) {
  if (!purge_one(start, bytes)) return false;
  map_anew(start, bytes, PROT_READ | PROT_WRITE);
  return true;
}

bool guard(void* start, size_t bytes) {
  return advise_by_name(start, bytes, MADV_GUARD_INSTALL) == 0;
}

void unguard(void* start, size_t bytes) {
  system_call(SYS_madvise, start, bytes, MADV_GUARD_REMOVE);
}

void promote(void* start, size_t bytes) {
  system_call(SYS_madvise, start, bytes, MADV_HUGEPAGE);
}

uint64_t cpu_time() {
  return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t first_touch(void* start, size_t bytes) {
  const size_t page = page_size();
  const uint64_t before = cpu_time();
  for (size_t at = 0; at < bytes; at += page) static_cast<volatile char*>(start)[at] = 0;
  return cpu_time() - before;
}

bool populate(void* start, size_t bytes) {
  const long result = system_call(SYS_madvise, start, bytes, MADV_POPULATE_WRITE);
  return result != -EINVAL && result != -ENOSYS && result != -EPERM;
}

uint64_t coarse_time() {
  return read_clock(CLOCK_MONOTONIC_COARSE);
}

void exclude_from_dump(void* start, size_t bytes) {
  system_call(SYS_madvise, start, bytes, MADV_DONTDUMP);
}

MemoryLimits limits() {
  return {.physical_bytes = process_facts.physical_bytes.load(std::memory_order_relaxed),
          .address_space_bytes = process_facts.address_space_bytes.load(std::memory_order_relaxed)};
}

bool commit_is_charged() {
  return process_facts.commit_is_charged.load(std::memory_order_relaxed);
}

}  // namespace

constinit const Backend kLinuxBackend = {
    .reserve = reserve,
    .release = release,
    .commit = commit,
    .address_space_is_refused = address_space_is_refused,
    .decommit = decommit,
    .restore_access = restore_access,
    .promote = promote,
    .first_touch = first_touch,
    .populate = populate,
    .coarse_time = coarse_time,
    .cpu_time = cpu_time,
    .purge = purge_ranges,
    .lazily_free = lazily_free_range,
    .move = move,
    .renew = renew,
    .guard = guard,
    .unguard = unguard,
    .exclude_from_dump = exclude_from_dump,
    .remap = remap,
    .map = map,
    .unmap = unmap,
    .is_mapped = is_mapped,
    .limits = limits,
    .commit_is_charged = commit_is_charged,
    .page_size = page_size,
};

}  // namespace hakmem
