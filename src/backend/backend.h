// Owns: the interface through which the heap asks an operating system for memory.
// Called by: the heap's slow paths; implemented by backend/linux and by the fakes of the tests.
// Never: called on a fast path; an implementation never allocates through the heap.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hakmem {

struct AddressRange {
  void* start;
  size_t bytes;
};

enum class MoveResult : uint8_t {
  kMoved,
  kStayed,  // both ranges are as accessible as they were, whatever memory they have
  kLost,    // the target may be somebody else's by now
};

// What the process may use, as it was at start.
struct MemoryLimits {
  size_t physical_bytes;       // of the machine
  size_t address_space_bytes;  // RLIMIT_AS, SIZE_MAX when unlimited
};

// All addresses and sizes are multiples of the page size. Every function preserves errno; they
// are safe from any thread.
struct Backend {
  // Address space without access rights. nullptr when the system has none; `alignment` is a power
  // of two of at least the page size. Whatever the system does by itself, it is backed by small
  // pages until it is promoted.
  void* (*reserve)(size_t bytes, size_t alignment);
  // Gives reserved address space back that was never committed.
  void (*release)(void* start, size_t bytes);
  // Makes reserved memory readable and writable; fresh memory reads as zeros. Refused as well where
  // the process has more address space than it may have by now, whatever was reserved before.
  bool (*commit)(void* start, size_t bytes);
  // Whether the process has more address space than it may have: asked of a page that is reserved
  // and not committed.
  bool (*address_space_is_refused)(void* reserved);
  // The reverse of commit; the contents and the promotion are gone.
  bool (*decommit)(void* start, size_t bytes);
  // Makes a committed range, which the program may have made inaccessible, readable and writable
  // again, with its contents.
  void (*restore_access)(void* start, size_t bytes);
  // Asks for huge pages in a committed range that is not touched yet. Advice: no answer.
  void (*promote)(void* start, size_t bytes);
  // Writes a zero to each page of a committed range that reads as zeros; the nanoseconds that it
  // took.
  uint64_t (*first_touch)(void* start, size_t bytes);
  // Has the kernel back a committed range with memory in one call, which takes 15 to 20 % less than
  // as many faults of small pages. False where the kernel cannot (MADV_POPULATE_WRITE, Linux 5.14);
  // where it has no memory the range is left as it is.
  bool (*populate)(void* start, size_t bytes);
  // Nanoseconds of a monotonic clock, right to a few milliseconds, read within 10 ns.
  uint64_t (*coarse_time)();
  // Nanoseconds that the calling thread has been running, in the kernel too: for measuring what the
  // kernel charges. On a busy machine others run in between, which is not its price. Takes about
  // 200 ns.
  uint64_t (*cpu_time)();
  // Gives the pages of committed ranges back; they read as zeros afterwards. Stops at the first
  // range that the kernel refuses and returns how many are purged.
  size_t (*purge)(const AddressRange* ranges, size_t count);
  // Lets the kernel take the pages of a committed range whenever it is short of memory: until then
  // they keep their contents, and what is written is the program's again. Not for a part of a huge
  // page, which it would split. False where the kernel refuses; then nothing has happened.
  bool (*lazily_free)(void* start, size_t bytes);
  // Gives the memory of a committed range, whose contents nobody needs, to another, whose own is
  // dropped; the first reads as zeros afterwards, and what the program had asked of its pages
  // (madvise, mlock, mprotect) is taken back. Both are aligned to `bytes`, a power of two. Costs
  // what page tables cost, not what pages cost; both ranges may need mappings of their own from
  // then on.
  MoveResult (*move)(void* from, void* to, size_t bytes);
  // Like purge, for one range whose memory was moved about: it has the mapping of its neighbours
  // again, its promotion is gone.
  bool (*renew)(void* start, size_t bytes);
  // Makes pages of a committed range inaccessible, at no mapping of their own; what they held is
  // gone. A purge leaves them so. False where the kernel cannot (MADV_GUARD_INSTALL, Linux 6.13) or
  // the memory is locked; then nothing has happened.
  bool (*guard)(void* start, size_t bytes);
  // The reverse: the pages read as zeros.
  void (*unguard)(void* start, size_t bytes);
  // From core dumps: metadata is of little use there. What is reserved is excluded already.
  void (*exclude_from_dump)(void* start, size_t bytes);
  // Resizes a mapping of its own, in place or at another address aligned to a huge page, with its
  // contents and what was asked of its pages: as a whole, or nullptr and not at all (it was made
  // several mappings, is sealed, or there are too many).
  void* (*remap)(void* start, size_t bytes, size_t new_bytes);
  // A private, writable mapping of its own; nullptr when the system has none.
  void* (*map)(size_t bytes, size_t alignment);
  void (*unmap)(void* start, size_t bytes);
  // Whether anything is mapped at the page of `address`.
  bool (*is_mapped)(const void* address);
  MemoryLimits (*limits)();
  // vm.overcommit_memory=2: writable memory counts when it is committed, touched or not, and only
  // `decommit` gives the charge back.
  bool (*commit_is_charged)();
  size_t (*page_size)();
};

}  // namespace hakmem
