// Owns: the messages that carry freed blocks to the heap that owns them.
// Called by: thread heaps: the sender fills and posts a batch, the owner empties and returns it.
// Never: a block lost for lack of memory.
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

// Where batches arrive, and single blocks where there was no memory for a batch: any thread posts,
// the owner takes all at once.
class Inbox {
 public:
  bool empty() const {
    return batches_.load(std::memory_order_relaxed) == nullptr &&
           blocks_.load(std::memory_order_relaxed) == nullptr;
  }

  // Sequentially consistent, as is the state of a heap that is being abandoned: either the sender
  // sees it abandoned, or who abandons it sees the batch.
  void post(RemoteBatch* batch) { push(batches_, batch); }
  void post(Block* block) { push(blocks_, block); }

  bool seems_empty_to_all() const {
    return batches_.load(std::memory_order_seq_cst) == nullptr &&
           blocks_.load(std::memory_order_seq_cst) == nullptr;
  }

  RemoteBatch* take_batches() { return take(batches_); }
  Block* take_single_blocks() { return take(blocks_); }

 private:
  template <class Element>
  static void push(std::atomic<Element*>& list, Element* element) {
    Element* first = list.load(std::memory_order_relaxed);
    do {
      element->next = first;
    } while (!list.compare_exchange_weak(first, element, std::memory_order_seq_cst,
                                         std::memory_order_relaxed));
  }

  template <class Element>
  static Element* take(std::atomic<Element*>& list) {
    if (list.load(std::memory_order_relaxed) == nullptr) return nullptr;
    return list.exchange(nullptr, std::memory_order_acquire);
  }

  std::atomic<RemoteBatch*> batches_{nullptr};
  std::atomic<Block*> blocks_{nullptr};
};

// Mapped for batches.
size_t batch_bytes();
void batches_after_fork_in_child();

}  // namespace hakmem
