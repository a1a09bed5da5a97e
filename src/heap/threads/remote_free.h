// Owns: how a block gets back to a slab of another thread.
// Called by: the slow half of free.
// Never: the owner's part of a slab touched.
#pragma once

#include <array>
#include <cstdint>

#include "heap/span.h"
#include "heap/threads/remote_batch.h"

namespace hakmem {

struct ThreadHeap;

// The batches that a thread is filling, for a few destinations at a time. The owner's alone.
class Outgoing {
 public:
  // Adds the block of `slab` and posts what has to leave: a full batch, or another destination's.
  void add(Span& slab, Block* block);
  // Posts everything.
  void flush();

 private:
  static constexpr uint32_t kPlaces = 4;

  struct Place {
    ThreadHeap* destination;
    RemoteBatch* batch;
    uint32_t bytes;  // of the blocks in the batch
  };

  static void post(Place& place);

  std::array<Place, kPlaces> places_{};
};

// Hands `block` to the heap that owns `slab`: through the calling thread's outgoing batches, or at
// once for a thread without a heap, alone where there is no memory for a batch. Until its owner
// takes it in, the block counts as live, and its marker says that it travels.
void free_remotely(Span& slab, Block* block);

}  // namespace hakmem
