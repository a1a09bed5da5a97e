// Owns: one thread's slabs by size class, and which of them malloc pops from.
// Called by: the fast path (current slabs), the slow halves of malloc and free, thread exit.
// Never: used by two threads at once; other threads reach it through `inbox` and `state` only.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/store_order.h"
#include "base/thread_id.h"
#include "heap/pages/huge_page.h"
#include "heap/slabs/size_class.h"
#include "heap/slabs/slab.h"
#include "heap/slabs/slab_queue.h"
#include "heap/span.h"
#include "heap/threads/remote_batch.h"
#include "heap/threads/remote_free.h"
#include "heap/threads/thread_cache.h"

namespace hakmem {

enum class HeapState : uint32_t {
  kOwned,      // by a live thread
  kAbandoned,  // its thread is gone; waits for adoption, its slabs have no owner
  kClaimed,    // abandoned, and some thread is collecting its remote frees
  kTorn,       // in a forked child: its thread, lost, may have been changing it; see heap_mending.h
  kArena,      // by the program; never abandoned
  kIdleArena,  // destroyed; waits for the next arena
};

struct alignas(64) ThreadHeap {
  // By (size + 15) / 16: the current slab of the class, never null.
  std::array<Span*, kDirectEntries> direct;
  std::array<Span*, kSizeClasses> current;
  std::array<SlabQueue, kSizeClasses> available;
  SlabQueue full;
  ThreadCache cache;
  uintptr_t stack_start;  // about where the owner's stack was when it got the heap
  uint32_t next_colour;
  Slices small_slabs;                      // all its slabs of one slice
  std::array<Slices, kSizeClasses> slabs;  // by size class
  std::atomic<uintptr_t> thread;           // the owner's thread pointer
  // The thread that is changing a heap which is not its own: an arena, or an abandoned one.
  std::atomic<uintptr_t> visitor;
  ThreadHeap* next_registered;  // all heaps, for statistics and fork

  // Of an arena: its live extents, under the arenas' lock; its name, see arena_handle.h.
  SlabQueue own_extents;
  uint32_t place_of_arena;
  std::atomic<uintptr_t> handle;

  Outgoing outgoing;

  alignas(64) Inbox inbox;
  std::atomic<HeapState> state;

  // The slow half of malloc: a block of the class when the current slab has none; nullptr when
  // memory is exhausted.
  void* allocate_slow(SizeClass size_class);
  // The slow half of a free by the owner: `slab` is full, has no fast path (several slices), or
  // its last block just came back.
  void push_and_settle(Span& slab, Block* block);
  void slab_emptied(Span& slab);
  // Takes in what other threads freed.
  void collect_inbox();
  // The same, and sends off what this thread freed for others.
  void settle_remote_frees() {
    outgoing.flush();
    collect_inbox();
  }

  // How many lines of the cache to shift the block or blocks of a new span by, below `colours`: a
  // rotating number, but none where in a page something lies that every call reads. Large blocks
  // are often written at one place of each of their pages, and drive it out.
  uint32_t colour_for(const Span& span, uint32_t colours);

  // How deep the caller is in the owner's stack: bytes, of use to tell places in a program apart.
  uintptr_t stack_distance() const {
    return stack_start - reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  }

  bool is_arena() const { return state.load(std::memory_order_relaxed) == HeapState::kArena; }
  // For arenas: every block is free; current slabs stay, or go back as well.
  void forget_all_blocks();
  void release_all_slabs();

  // Ownership changes hands: gives empty slabs back and leaves the others without an owner.
  void disown_slabs();
  void own_slabs(uintptr_t new_thread);

  // Of a heap whose queues may be torn: forgets them, and takes its slabs in again one by one.
  void forget_slabs();
  void take_in(Span& slab);

 private:
  Span* next_slab(SizeClass size_class);
  Span* fullest_available(SizeClass size_class) const;
  Span* take_available(SizeClass size_class);
  Span* new_slab(SizeClass size_class);
  Backing backing_for(Slices slab) const;
  void set_current(SizeClass size_class, Span* slab);
  bool reuse_pays(const Span& slab) const;
  void set_aside(Span& slab);
  void park_full(Span& slab);
  void make_available(Span& slab);
  void release(Span& slab);
  void drop(Span& slab);
  template <class Visit>
  void for_each_slab(Visit visit);
};

// Stands for "no slab": its list is empty and always misses.
extern constinit HAKMEM_HIDDEN Span kNoSlab;
// Stands for "no heap yet": every class is kNoSlab, so that the first malloc of a thread takes the
// slow path without a test on the fast one.
extern constinit HAKMEM_HIDDEN ThreadHeap kNoHeap;

// The distance from kNoHeap to the thread's heap: zero, and thus kNoHeap, in every new thread and
// even before the dynamic loader has initialised thread-local storage (IFUNC resolvers run then).
extern HAKMEM_HIDDEN __thread uintptr_t thread_heap_distance
    __attribute__((tls_model("initial-exec")));

inline ThreadHeap* thread_heap() {
  uintptr_t heap = reinterpret_cast<uintptr_t>(&kNoHeap) + thread_heap_distance;
  // Keeps the compiler from adding the table's index to the sum first, which costs an instruction.
  __asm__("" : "+r"(heap));
  return reinterpret_cast<ThreadHeap*>(heap);
}

void set_thread_heap(ThreadHeap* heap);

// What thread_heap()->direct leads to, one load nearer: distances from kNoSlab, for the same
// reason.
extern HAKMEM_HIDDEN __thread std::array<uintptr_t, kDirectEntries> direct_slab_distances
    __attribute__((tls_model("initial-exec")));

inline Span* direct_slab(size_t entry) {
  uintptr_t mark = mark_of(kNoSlab);
#if defined(__x86_64__)
  // Leaves %rax to the block, where malloc returns it.
  __asm__("" : "+d"(mark));
#endif
  mark += direct_slab_distances[entry];
  __asm__("" : "+r"(mark));
  return slab_of_mark(mark);
}

// Collects the remote frees of an abandoned heap, unless some thread is at it already.
void collect_if_abandoned(ThreadHeap& heap);

// For the time in which a thread changes a heap that is not its own.
class VisitScope {
 public:
  explicit VisitScope(ThreadHeap& heap)
      : heap_(heap), outer_(heap.visitor.load(std::memory_order_relaxed)) {
    heap_.visitor.store(this_thread(), std::memory_order_relaxed);
    keep_store_order();
  }
  ~VisitScope() { heap_.visitor.store(outer_, std::memory_order_release); }
  VisitScope(const VisitScope&) = delete;
  VisitScope& operator=(const VisitScope&) = delete;

 private:
  ThreadHeap& heap_;
  const uintptr_t outer_;
};

}  // namespace hakmem
