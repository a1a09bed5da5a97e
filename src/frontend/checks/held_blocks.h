// Owns: the queue of freed blocks that wait for their reuse, first in, first out.
// Called by: checks.cc, under its lock.
// Never: more held than the limits, but for the block freed last where it holds no memory.
#pragma once

#include <cstddef>

#include "base/store_order.h"
#include "frontend/checks/checked_block.h"
#include "heap/blocks/enclosing_block.h"

namespace hakmem {

class HeldBlocks {
 public:
  // Bytes of memory, and of address space without memory.
  static constexpr size_t kMostHeld = size_t{16} << 20;
  static constexpr size_t kMostHidden = size_t{256} << 20;

  void push(CheckedBlock& block) {
    block.next = nullptr;
    keep_store_order();
    (last_ != nullptr ? last_->next : first_) = &block;
    last_ = &block;
    bytes_of(block) += cost_of(block);
  }

  // The oldest block, if the limits or `all` ask for one to leave; else nullptr.
  CheckedBlock* pop(bool all) {
    const bool too_many = held_ > kMostHeld || (hidden_ > kMostHidden && first_ != last_);
    if (first_ == nullptr || !(all || too_many)) return nullptr;
    CheckedBlock* block = first_;
    first_ = block->next;
    if (first_ == nullptr) last_ = nullptr;
    bytes_of(*block) -= cost_of(*block);
    return block;
  }

  CheckedBlock* first() const { return first_; }
  size_t bytes() const { return held_ + hidden_; }

  // In a child of a fork whose lost thread was changing the queue: what is linked is in it.
  void mend() {
    held_ = hidden_ = 0;
    last_ = nullptr;
    for (CheckedBlock* block = first_; block != nullptr; block = block->next) {
      bytes_of(*block) += cost_of(*block);
      last_ = block;
    }
  }

 private:
  // As the heap counts them.
  static size_t cost_of(const CheckedBlock& block) {
    const EnclosingBlock around = enclosing_block(&block);
    const bool is_extent = around.span->kind.load(std::memory_order_relaxed) == SpanKind::kExtent;
    return is_extent ? Slices{around.span->slices}.bytes() : around.bytes;
  }
  size_t& bytes_of(const CheckedBlock& block) { return block.hidden ? hidden_ : held_; }

  CheckedBlock* first_ = nullptr;
  CheckedBlock* last_ = nullptr;
  size_t held_ = 0;
  size_t hidden_ = 0;
};

}  // namespace hakmem
