// Owns: a page that reads as zeros in every child, however the child was made.
// Called by: whoever keeps state that a child must not believe: threads of ours, who set it up.
// Never: shared with anything that a child may use.
#pragma once

#include <atomic>
#include <cstdint>

namespace hakmem {

// MADV_WIPEONFORK, Linux 4.14.
struct ProcessPage {
  std::atomic<uint32_t> set_up;  // this process has made the page, or its fork handler has run
  // Threads that were given a heap in this process, and the last of them.
  std::atomic<uint32_t> heaps_given;
  std::atomic<uintptr_t> given_to;
  // Of the background thread, see background_thread.cc.
  std::atomic<uint32_t> thread_state;
  std::atomic<uint32_t> sleep;
  std::atomic<uint32_t> wakes;  // a futex
};

// nullptr before make_process_page, and where the kernel does not wipe (qemu-user, old filters).
ProcessPage* process_page();
ProcessPage* make_process_page();

// Whether this is a child that no fork handler has set up: _Fork(3), clone(2). Threads that it
// lacks may have held any lock. False while there is no page: only one thread was in the heap so
// far.
bool is_child_without_handlers();
// The calling thread was given a heap.
void note_heap_given();
// Whether other threads were given heaps in this process, as far as the page knows.
bool other_threads_were_given_heaps();
// From here on it is set up.
void mark_process_as_set_up();

}  // namespace hakmem
