// Owns: the messages that carry freed blocks to the heap that owns them.
// Called by: thread heaps: the sender fills and posts a batch, the owner empties and returns it.
// Never: a write into a freed block before it is home; its cache line stays where it is.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "heap/span.h"

namespace hakmem {

// Blocks of one destination heap. A batch per 30 frees costs the sender one atomic operation, and
// the owner can prefetch what it is about to touch, which it cannot along a linked list.
struct RemoteBatch {
  static constexpr uint32_t kCapacity = 30;

  RemoteBatch* next;
  uint32_t count;
  std::array<Block*, kCapacity> blocks;
};

// An empty batch; nullptr when memory is exhausted.
RemoteBatch* take_batch();
void return_batch(RemoteBatch* batch);

// Where batches arrive: any thread posts, the owner takes all at once.
class Inbox {
 public:
  bool empty() const { return first_.load(std::memory_order_relaxed) == nullptr; }

  // Sequentially consistent, as is the state of a heap that is being abandoned: either the sender
  // sees it abandoned, or who abandons it sees the batch.
  void post(RemoteBatch* batch) {
    RemoteBatch* first = first_.load(std::memory_order_relaxed);
    do {
      batch->next = first;
    } while (!first_.compare_exchange_weak(first, batch, std::memory_order_seq_cst,
                                           std::memory_order_relaxed));
  }

  bool seems_empty_to_all() const { return first_.load(std::memory_order_seq_cst) == nullptr; }

  RemoteBatch* take_all() {
    return empty() ? nullptr : first_.exchange(nullptr, std::memory_order_acquire);
  }

 private:
  std::atomic<RemoteBatch*> first_{nullptr};
};

// Around fork; between the registry and the page heap.
void batches_before_fork();
void batches_after_fork_in_parent();
void batches_after_fork_in_child();

}  // namespace hakmem
