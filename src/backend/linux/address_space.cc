// Owns: reserving, committing and purging address space by system calls.
// Called by: the heap, through kLinuxBackend.
// Never: a call that returns EINTR to the program, a changed errno, an allocation.
#include <errno.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "backend/linux/linux_backend.h"
#include "backend/linux/process_limits.h"
#include "base/bits.h"

namespace hakmem {
namespace {

class ErrnoSaver {
 public:
  ErrnoSaver() : saved_(errno) {}
  ~ErrnoSaver() { errno = saved_; }
  ErrnoSaver(const ErrnoSaver&) = delete;
  ErrnoSaver& operator=(const ErrnoSaver&) = delete;

 private:
  const int saved_;
};

size_t page_size() {
  return static_cast<size_t>(getauxval(AT_PAGESZ));
}

// mmap aligns to a page: ask for more and give the ends back.
void* map_aligned(size_t bytes, size_t alignment, int protection) {
  ErrnoSaver errno_saver;
  const size_t slack = alignment > page_size() ? alignment - page_size() : 0;
  if (bytes + slack < bytes) return nullptr;
  void* mapped = mmap(nullptr, bytes + slack, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  const auto start = reinterpret_cast<uintptr_t>(mapped);
  const uintptr_t aligned = round_up(start, alignment);
  const size_t head = aligned - start;
  if (head > 0) munmap(mapped, head);
  if (slack > head) munmap(reinterpret_cast<void*>(aligned + bytes), slack - head);
  return reinterpret_cast<void*>(aligned);
}

// Without MAP_NORESERVE: address space without access is not charged, and the commit is, so that
// the kernel's overcommit heuristic refuses what it would refuse of mmap.
void* reserve(size_t bytes, size_t alignment) {
  return map_aligned(bytes, alignment, PROT_NONE);
}

void* map(size_t bytes, size_t alignment) {
  return map_aligned(bytes, alignment, PROT_READ | PROT_WRITE);
}

void unmap(void* start, size_t bytes) {
  ErrnoSaver errno_saver;
  munmap(start, bytes);
}

bool commit(void* start, size_t bytes) {
  ErrnoSaver errno_saver;
  return mprotect(start, bytes, PROT_READ | PROT_WRITE) == 0;
}

// A new mapping over the old one: neither MADV_DONTNEED nor mprotect lowers Committed_AS.
bool decommit(void* start, size_t bytes) {
  ErrnoSaver errno_saver;
  return mmap(start, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
         MAP_FAILED;
}

size_t purge(const AddressRange* ranges, size_t count) {
  ErrnoSaver errno_saver;
  for (size_t index = 0; index < count; ++index) {
    // EINVAL: locked memory (mlockall), which stays resident by the program's own wish.
    if (madvise(ranges[index].start, ranges[index].bytes, MADV_DONTNEED) != 0) return index;
  }
  return count;
}

void promote(void* start, size_t bytes) {
  ErrnoSaver errno_saver;
  madvise(start, bytes, MADV_HUGEPAGE);
}

uint64_t monotonic_nanoseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

uint64_t first_touch(void* page) {
  const uint64_t start = monotonic_nanoseconds();
  *static_cast<volatile char*>(page) = 0;
  return monotonic_nanoseconds() - start;
}

void exclude_from_dump(void* start, size_t bytes) {
  ErrnoSaver errno_saver;
  madvise(start, bytes, MADV_DONTDUMP);
}

// mincore(2) answers ENOMEM for unmapped addresses and touches nothing.
bool is_mapped(const void* address) {
  ErrnoSaver errno_saver;
  unsigned char resident;
  const uintptr_t page = round_down(reinterpret_cast<uintptr_t>(address), page_size());
  return mincore(reinterpret_cast<void*>(page), 1, &resident) == 0;
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
    .purge = purge,
    .exclude_from_dump = exclude_from_dump,
    .map = map,
    .unmap = unmap,
    .is_mapped = is_mapped,
    .limits = process_memory_limits,
    .commit_is_charged = process_commit_is_charged,
    .page_size = page_size,
    .resident_bytes = process_resident_bytes,
};

}  // namespace hakmem
