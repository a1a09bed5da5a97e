// Owns: reserving, committing and purging address space by system calls.
// Called by: the heap, through kLinuxBackend.
// Never: a call that returns EINTR to the program, a changed errno, an allocation.
#include <errno.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "backend/linux/kernel_clock.h"
#include "backend/linux/linux_backend.h"
#include "backend/linux/process_limits.h"
#include "backend/linux/purge_ladder.h"
#include "base/bits.h"
#include "base/log.h"
#include "base/system_call.h"

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

bool commit(void* start, size_t bytes) {
  return system_call(SYS_mprotect, start, bytes, PROT_READ | PROT_WRITE) == 0;
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

bool purge_one(void* start, size_t bytes) {
  const AddressRange range{start, bytes};
  return purge_ranges(&range, 1) == 1;
}

// Neither MADV_DONTNEED nor mprotect lowers Committed_AS.
bool decommit(void* start, size_t bytes) {
  if (!purge_one(start, bytes)) return false;
  return map_anew(start, bytes, PROT_NONE);
}

// mincore(2) answers ENOMEM for unmapped addresses and touches nothing. Where it is refused nothing
// is known, and the address is taken for mapped.
bool is_mapped(const void* address) {
  unsigned char resident;
  const uintptr_t page = round_down(reinterpret_cast<uintptr_t>(address), page_size());
  return system_call(SYS_mincore, page, 1, &resident) != -ENOMEM;
}

// Maps a range anew if nothing is mapped there; what is there stays.
bool map_over_hole(void* start, size_t bytes, int protection) {
  const long mapped = system_call(SYS_mmap, start, bytes, protection,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1);
  if (mapped == -EEXIST) return true;
  if (failed(mapped)) return false;
  prefer_small_pages(start, bytes);
  return true;
}

// MREMAP_DONTUNMAP since Linux 5.7. The kernel unmaps `to` first, and maps it again under the
// limits on mappings: so not where there are any that a setrlimit may have put below what is in
// use. What it refuses before it unmaps (EINVAL, EPERM, ENOSYS, too many mappings) leaves `to` as
// it was; after that it is mapped anew here. Locked memory stays where it is: the move would unlock
// what it leaves.
MoveResult move(void* from, void* to, size_t bytes) {
  constexpr int kFlags = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
  if (!process_mappings_are_unlimited() || !purge_one(to, bytes)) return MoveResult::kStayed;
  const long moved = system_call(SYS_mremap, from, bytes, bytes, kFlags, to);
  if (!failed(moved)) return MoveResult::kMoved;
  if (map_over_hole(to, bytes, PROT_READ | PROT_WRITE)) {
    return moved == -EFAULT ? MoveResult::kSplit : MoveResult::kStayed;
  }
  // vm.overcommit_memory has just become 2. Address space without access is not charged.
  if (map_over_hole(to, bytes, PROT_NONE)) return MoveResult::kLost;
  fatal("mremap", "address space lost at", reinterpret_cast<uintptr_t>(to));
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

void include_in_dump(void* start, size_t bytes) {
  system_call(SYS_madvise, start, bytes, MADV_DODUMP);
}

}  // namespace

constinit const Backend kLinuxBackend = {
    .reserve = reserve,
    .release = unmap,
    .commit = commit,
    .address_space_allows = process_address_space_allows,
    .decommit = decommit,
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
    .include_in_dump = include_in_dump,
    .map = map,
    .unmap = unmap,
    .is_mapped = is_mapped,
    .limits = process_memory_limits,
    .commit_is_charged = process_commit_is_charged,
    .page_size = page_size,
    .resident_bytes = process_resident_bytes,
};

}  // namespace hakmem
