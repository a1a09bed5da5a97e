// Owns: which huge pages give their memory to a new span, so that it need not be faulted in.
// Called by: the page heap: filled under its lock, carried out without.
// Never: a source that is not claimed (marked used) while it moves.
#pragma once

#include <cstdint>

#include "heap/pages/huge_page.h"

namespace hakmem {

// Retained memory is wherever it was last used; a long span needs it in one piece. The page tables
// of a huge page move in 2 us, its pages come back by faults in 40 us (huge) to 650 us (small
// ones).
class MemoryMoves {
 public:
  // A longer span faults the rest in.
  static constexpr uint32_t kMost = 32;

  struct Move {
    HugePage* from;
    HugePage* to;
    uint32_t rest;  // slices of `to` that the span does not cover; claimed while it moves
  };

  bool has_room() const { return count_ < kMost; }
  void add(const Move& move) { moves_[count_++] = move; }
  void clear() { count_ = 0; }
  bool empty() const { return count_ == 0; }
  const Move* begin() const { return moves_; }
  const Move* end() const { return moves_ + count_; }

 private:
  uint32_t count_ = 0;
  Move moves_[kMost];
};

}  // namespace hakmem
