// Owns: the order in which a request is offered: direct maps, the heap, libc, early memory.
// Called by: see general.h.
// Never: reached by a small malloc or a local free of a running thread.
#include "frontend/dispatch/general.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <algorithm>

#include "backend/linux/memory/process_page.h"
#include "base/bits.h"
#include "base/exit_rounds.h"
#include "control/safe_point.h"
#include "frontend/checks/checks.h"
#include "frontend/dispatch/direct_maps.h"
#include "frontend/dispatch/early_memory.h"
#include "frontend/dispatch/foreign.h"
#include "frontend/dispatch/libc_malloc.h"
#include "frontend/start/life_cycle.h"
#include "heap/blocks/free_path.h"
#include "heap/heap.h"
#include "heap/pages/page_heap.h"
#include "heap/threads/heap_registry.h"
#include "settings/configuration.h"

namespace hakmem {
namespace {

void* or_out_of_memory(void* block) {
  if (HAKMEM_UNLIKELY(block == nullptr)) errno = ENOMEM;
  return block;
}

// The calling thread's heap, made on the first request; nullptr where the heap does not serve the
// program, where the checks stand before it, or memory is exhausted.
ThreadHeap* serving_heap() {
  ThreadHeap* heap = thread_heap();
  if (HAKMEM_LIKELY(heap != &kNoHeap)) return heap;
  start_up();
  if (!configuration().has(Feature::pool) || checks_are_on()) return nullptr;
  heap = acquire_thread_heap();
  if (heap == nullptr) return nullptr;
  if (threads_with_heap() > 1) make_process_page();
  note_heap_given();
  if (!thread_has_no_exit_left()) arm_thread_exit();
  return heap;
}

// For one request. A thread whose last exit hook has run has a heap for no longer.
class Serving {
 public:
  Serving() : heap_(serving_heap()) {}
  ~Serving() {
    if (HAKMEM_UNLIKELY(thread_has_no_exit_left())) give_up_borrowed_heap();
  }
  Serving(const Serving&) = delete;
  Serving& operator=(const Serving&) = delete;
  ThreadHeap* heap() const { return heap_; }

 private:
  ThreadHeap* const heap_;
};

bool too_large(size_t size) {
  return size > static_cast<size_t>(PTRDIFF_MAX);
}

// A block that grows large is likely to grow on. The heap could only copy it; a mapping of its own
// moves with its page tables, as libc's do. nullptr: it does not grow, or there is no mapping to be
// had.
constexpr size_t kGrowsApart = size_t{16} << 20;

void* grow_apart(void* address, size_t size, const Call& call) {
  const size_t bytes = heap_usable_size(address, call.function);
  if (size <= bytes) return nullptr;
  if (heap_resize(address, size, call.function)) return address;
  void* moved = map_growing(size);
  if (moved == nullptr) return nullptr;
  memcpy(moved, address, bytes);
  free_general(address, call);
  return moved;
}

}  // namespace

bool is_mapped_directly(size_t size) {
  return configuration().has(Feature::mmap) && size >= configuration().large_threshold;
}

bool stays_mapped_directly(size_t size) {
  return is_mapped_directly(size) || size >= kGrowsApart;
}

void* allocate_general(size_t size, const void* site) {
  if (HAKMEM_UNLIKELY(too_large(size))) return or_out_of_memory(nullptr);
  const Serving serving;
  ThreadHeap* heap = serving.heap();
  if (HAKMEM_UNLIKELY(is_mapped_directly(size))) return or_out_of_memory(map_directly(size, 1));
  if (HAKMEM_LIKELY(heap != nullptr)) {
    void* block = heap_allocate(heap, size, site);
    reach_safe_point();
    return or_out_of_memory(block);
  }
  if (checks_are_on()) {
    void* block = checked_allocate(kMinimumBlock, size, site);
    reach_safe_point();
    return or_out_of_memory(block);
  }
  if (configuration().has(Feature::pool)) return or_out_of_memory(nullptr);
  if (const LibcMalloc* libc = libc_malloc()) return libc->malloc(size);
  return or_out_of_memory(allocate_early(size, 1));
}

void* allocate_zeroed_general(size_t size, const void* site) {
  if (HAKMEM_UNLIKELY(too_large(size))) return or_out_of_memory(nullptr);
  const Serving serving;
  ThreadHeap* heap = serving.heap();
  if (HAKMEM_UNLIKELY(is_mapped_directly(size))) return or_out_of_memory(map_directly(size, 1));
  if (HAKMEM_LIKELY(heap != nullptr)) {
    return or_out_of_memory(heap_allocate_zeroed(heap, size, site));
  }
  if (checks_are_on()) return or_out_of_memory(checked_allocate_zeroed(size, site));
  if (configuration().has(Feature::pool)) return or_out_of_memory(nullptr);
  if (const LibcMalloc* libc = libc_malloc()) return libc->calloc(1, size);
  return or_out_of_memory(allocate_early(size, 1));
}

void* allocate_aligned_general(size_t alignment, size_t size, const void* site) {
  if (too_large(size) || alignment > static_cast<size_t>(PTRDIFF_MAX) - size) {
    return or_out_of_memory(nullptr);
  }
  const Serving serving;
  ThreadHeap* heap = serving.heap();
  if (is_mapped_directly(size)) return or_out_of_memory(map_directly(size, alignment));
  if (heap != nullptr) return or_out_of_memory(heap_allocate_aligned(heap, alignment, size, site));
  if (checks_are_on()) return or_out_of_memory(checked_allocate(alignment, size, site));
  if (configuration().has(Feature::pool)) return or_out_of_memory(nullptr);
  if (const LibcMalloc* libc = libc_malloc()) return libc->memalign(alignment, size);
  return or_out_of_memory(allocate_early(size, alignment));
}

void free_sized_general(void* address, size_t size, Call call) {
  if (address == nullptr) return;
  if (HAKMEM_UNLIKELY(thread_heap() == &kNoHeap)) {
    if (checks_are_on() && checked_free(address, size, call)) return;
    // A thread that only frees gets a heap too: it sends blocks home in batches, not one by one.
    // Not one that is ending: libc frees once more after the last hook that could take the heap
    // back.
    if (!thread_is_ending()) serving_heap();
  }
  if (!free_slow(address, call.function)) free_foreign(address, call.function);
}

void free_general(void* address, Call call) {
  free_sized_general(address, kAnySize, call);
}

void* move_block(void* address, size_t bytes, size_t size, const Call& call) {
  void* moved = allocate_general(size, call.site);
  if (moved == nullptr) return nullptr;
  memcpy(moved, address, std::min(bytes, size));
  free_general(address, call);
  return moved;
}

void* reallocate_general(void* address, size_t size, Call call) {
  if (address == nullptr) return allocate_general(size, call.site);
  if (size == 0) {
    free_general(address, call);
    return nullptr;
  }
  if (too_large(size)) return or_out_of_memory(nullptr);
  if (page_heap.map().find(address) == nullptr) return reallocate_foreign(address, size, call);
  const Serving serving;
  ThreadHeap* heap = serving.heap();
  if (HAKMEM_LIKELY(heap != nullptr)) {
    void* grown = size >= kGrowsApart ? grow_apart(address, size, call) : nullptr;
    if (grown != nullptr) return grown;
    return or_out_of_memory(heap_reallocate(heap, address, size, call.function, call.site));
  }
  if (!checks_are_on()) return or_out_of_memory(nullptr);
  void* moved;
  if (checked_reallocate(address, size, call, moved)) return or_out_of_memory(moved);
  // An arena's block, which the checks do not know.
  return move_block(address, heap_usable_size(address, call.function), size, call);
}

size_t usable_size_general(void* address, Call call) {
  if (address == nullptr) return 0;
  size_t asked_for;
  if (checks_are_on() && checked_size(address, call, asked_for)) return asked_for;
  const size_t bytes = heap_usable_size(address, call.function);
  return bytes != 0 ? bytes : foreign_usable_size(address, call.function);
}

}  // namespace hakmem
