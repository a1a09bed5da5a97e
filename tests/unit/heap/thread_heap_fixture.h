// The process-wide heap over the Linux backend, and a heap for the calling thread.
#pragma once

#include "backend/linux/memory/linux_backend.h"
#include "heap/blocks/extent.h"
#include "heap/heap.h"
#include "heap/pages/page_heap.h"
#include "heap/threads/heap_registry.h"

namespace hakmem {

// A heap for the thread as long as it lives, as the frontend gives one.
class ThreadScope {
 public:
  ThreadScope() {
    [[maybe_unused]] static const bool ready = (page_heap.set_backend(kLinuxBackend), true);
    heap_ = thread_heap() == &kNoHeap ? acquire_thread_heap() : thread_heap();
  }
  ~ThreadScope() { abandon_thread_heap(); }
  ThreadHeap* heap() { return heap_; }
  void* allocate(size_t size) { return heap_allocate(heap_, size); }
  static bool release(void* block) { return heap_free(block, "free"); }

 private:
  ThreadHeap* heap_;
};

}  // namespace hakmem
