// Owns: the making of the page.
// Called by: see process_page.h.
// Never: two pages.
#include "backend/linux/memory/process_page.h"

#include <sys/auxv.h>
#include <sys/mman.h>

#include "base/system_call.h"
#include "base/thread_id.h"

namespace hakmem {
namespace {

constinit std::atomic<ProcessPage*> page{nullptr};

}  // namespace

ProcessPage* process_page() {
  return page.load(std::memory_order_acquire);
}

ProcessPage* make_process_page() {
  if (ProcessPage* made = process_page()) return made;
  const size_t bytes = getauxval(AT_PAGESZ);
  const long start =
      system_call(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  if (static_cast<unsigned long>(start) > -4096ul) return nullptr;
  auto* fresh = reinterpret_cast<ProcessPage*>(start);
  ProcessPage* other = nullptr;
  if (system_call(SYS_madvise, start, bytes, MADV_WIPEONFORK) == 0) {
    fresh->set_up.store(1, std::memory_order_relaxed);
    if (page.compare_exchange_strong(other, fresh, std::memory_order_acq_rel)) return fresh;
  }
  system_call(SYS_munmap, start, bytes);
  return other;
}

bool is_child_without_handlers() {
  const ProcessPage* mine = process_page();
  return mine != nullptr && mine->set_up.load(std::memory_order_relaxed) == 0;
}

void note_heap_given() {
  ProcessPage* mine = process_page();
  if (mine == nullptr) return;
  mine->heaps_given.fetch_add(1, std::memory_order_relaxed);
  mine->given_to.store(this_thread(), std::memory_order_relaxed);
}

bool other_threads_were_given_heaps() {
  const ProcessPage* mine = process_page();
  if (mine == nullptr) return false;
  const uint32_t given = mine->heaps_given.load(std::memory_order_relaxed);
  const bool was_i = mine->given_to.load(std::memory_order_relaxed) == this_thread();
  return given > (was_i ? 1 : 0);
}

void mark_process_as_set_up() {
  if (ProcessPage* mine = process_page()) mine->set_up.store(1, std::memory_order_relaxed);
}

}  // namespace hakmem
