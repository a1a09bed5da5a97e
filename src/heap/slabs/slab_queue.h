// Owns: a doubly linked list of slabs, linked through their descriptors.
// Called by: thread heaps.
// Never: a slab on two queues at once.
#pragma once

#include "base/assert.h"
#include "heap/span.h"

namespace hakmem {

struct SlabQueue {
  Span* head = nullptr;
  Span* tail = nullptr;

  bool empty() const { return head == nullptr; }

  void push_back(Span& slab) {
    slab.next = nullptr;
    slab.previous = tail;
    (tail != nullptr ? tail->next : head) = &slab;
    tail = &slab;
  }

  void push_front(Span& slab) {
    slab.previous = nullptr;
    slab.next = head;
    (head != nullptr ? head->previous : tail) = &slab;
    head = &slab;
  }

  void remove(Span& slab) {
    HAKMEM_ASSERT(slab.previous != nullptr ? slab.previous->next == &slab : head == &slab);
    HAKMEM_ASSERT(slab.next != nullptr ? slab.next->previous == &slab : tail == &slab);
    (slab.previous != nullptr ? slab.previous->next : head) = slab.next;
    (slab.next != nullptr ? slab.next->previous : tail) = slab.previous;
  }

  Span* pop_front() {
    Span* slab = head;
    if (slab != nullptr) remove(*slab);
    return slab;
  }
};

}  // namespace hakmem
