// Owns: the order in which a request is offered: direct maps, the heap, libc, early memory.
// Called by: see general.h.
// Never: reached by a small malloc or a local free of a running thread.
#include "frontend/general.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/bits.h"
#include "frontend/configuration.h"
#include "frontend/direct_maps.h"
#include "frontend/early_memory.h"
#include "frontend/foreign.h"
#include "frontend/libc_malloc.h"
#include "frontend/life_cycle.h"
#include "frontend/safe_point.h"
#include "heap/free_path.h"
#include "heap/heap.h"
#include "heap/heap_registry.h"
#include "heap/page_heap.h"

namespace hakmem {
namespace {

void* or_out_of_memory(void* block) {
  if (HAKMEM_UNLIKELY(block == nullptr)) errno = ENOMEM;
  return block;
}

// The calling thread's heap, made on the first request; nullptr where the heap does not serve the
// program or memory is exhausted.
ThreadHeap* serving_heap() {
  ThreadHeap* heap = thread_heap();
  if (HAKMEM_LIKELY(heap != &kNoHeap)) return heap;
  start_up();
  if (!configuration().has(Feature::pool)) return nullptr;
  heap = acquire_thread_heap();
  if (heap != nullptr) arm_thread_exit();
  return heap;
}

bool too_large(size_t size) {
  return size > static_cast<size_t>(PTRDIFF_MAX);
}

}  // namespace

bool is_mapped_directly(size_t size) {
  return configuration().has(Feature::mmap) && size >= configuration().large_threshold;
}

void* allocate_general(size_t size) {
  if (HAKMEM_UNLIKELY(too_large(size))) return or_out_of_memory(nullptr);
  ThreadHeap* heap = serving_heap();
  if (HAKMEM_UNLIKELY(is_mapped_directly(size))) return or_out_of_memory(map_directly(size, 1));
  if (HAKMEM_LIKELY(heap != nullptr)) {
    void* block = heap_allocate(heap, size);
    reach_safe_point();
    return or_out_of_memory(block);
  }
  if (configuration().has(Feature::pool)) return or_out_of_memory(nullptr);
  if (const LibcMalloc* libc = libc_malloc()) return libc->malloc(size);
  return or_out_of_memory(allocate_early(size, 1));
}

void* allocate_zeroed_general(size_t size) {
  if (HAKMEM_UNLIKELY(too_large(size))) return or_out_of_memory(nullptr);
  ThreadHeap* heap = serving_heap();
  if (HAKMEM_UNLIKELY(is_mapped_directly(size))) return or_out_of_memory(map_directly(size, 1));
  if (HAKMEM_LIKELY(heap != nullptr)) {
    void* block = heap_allocate_zeroed(heap, size);
    reach_safe_point_in_calloc();
    return or_out_of_memory(block);
  }
  if (configuration().has(Feature::pool)) return or_out_of_memory(nullptr);
  if (const LibcMalloc* libc = libc_malloc()) return libc->calloc(1, size);
  return or_out_of_memory(allocate_early(size, 1));
}

void* allocate_aligned_general(size_t alignment, size_t size) {
  if (too_large(size) || alignment > static_cast<size_t>(PTRDIFF_MAX) - size) {
    return or_out_of_memory(nullptr);
  }
  ThreadHeap* heap = serving_heap();
  if (is_mapped_directly(size)) return or_out_of_memory(map_directly(size, alignment));
  if (heap != nullptr) return or_out_of_memory(heap_allocate_aligned(heap, alignment, size));
  if (configuration().has(Feature::pool)) return or_out_of_memory(nullptr);
  if (const LibcMalloc* libc = libc_malloc()) return libc->memalign(alignment, size);
  return or_out_of_memory(allocate_early(size, alignment));
}

void free_general(void* address, const char* function) {
  if (address == nullptr) return;
  // A thread that only frees gets a heap too: it sends blocks home in batches, not one by one. Not
  // one that is ending: libc frees once more after the last hook that could take the heap back.
  if (HAKMEM_UNLIKELY(thread_heap() == &kNoHeap) && !thread_is_ending()) serving_heap();
  if (!free_slow(address, function)) free_foreign(address, function);
}

void* reallocate_general(void* address, size_t size, const char* function) {
  if (address == nullptr) return allocate_general(size);
  if (size == 0) {
    free_general(address, function);
    return nullptr;
  }
  if (too_large(size)) return or_out_of_memory(nullptr);
  if (page_heap.map().find(address) == nullptr) return reallocate_foreign(address, size, function);
  ThreadHeap* heap = serving_heap();
  if (heap == nullptr) return or_out_of_memory(nullptr);
  return or_out_of_memory(heap_reallocate(heap, address, size, function));
}

size_t usable_size_general(void* address, const char* function) {
  if (address == nullptr) return 0;
  const size_t bytes = heap_usable_size(address, function);
  return bytes != 0 ? bytes : foreign_usable_size(address, function);
}

}  // namespace hakmem
