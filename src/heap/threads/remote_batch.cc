// Owns: the pool of batches.
// Called by: see remote_batch.h.
// Never: a batch given back to the kernel; the pool is as large as the traffic ever was.
#include "heap/threads/remote_batch.h"

#include <algorithm>
#include <bit>

#include "base/lock.h"
#include "base/store_order.h"
#include "heap/pages/page_heap.h"

namespace hakmem {
namespace {

constinit Lock pool_lock{LockRank::kMetadata};
constinit RemoteBatch* pool = nullptr;
// The newest chunk, and how many of its batches nobody has had yet.
constinit RemoteBatch* chunk = nullptr;
constinit size_t untouched = 0;
constinit size_t chunks_bytes = 0;
constinit uint32_t attempts_to_skip = 0;

constexpr uint32_t kSkippedAttempts = 4096;
constexpr size_t kLargestChunk = size_t{1} << 20;

// Under the lock. A child of a fork finds the pool whole after each store.
void push(RemoteBatch& batch) {
  batch.next = pool;
  keep_store_order();
  pool = &batch;
}

// Under the lock. A mapping, not a span of the page heap: a write behind a user's block is not to
// reach batches. They grow with what there is, so that mappings stay few.
bool add_chunk() {
  const Backend& backend = page_heap.backend();
  const size_t bytes = std::clamp(std::bit_floor(chunks_bytes), kSliceSize, kLargestChunk);
  void* fresh = backend.map(bytes, backend.page_size());
  if (fresh == nullptr) return false;
  chunks_bytes += bytes;
  chunk = static_cast<RemoteBatch*>(fresh);
  keep_store_order();
  untouched = bytes / sizeof(RemoteBatch);
  return true;
}

// Under the lock, while there is any.
RemoteBatch* take_untouched() {
  --untouched;
  keep_store_order();
  return chunk + untouched;
}

}  // namespace

RemoteBatch* take_batch() {
  LockGuard guard(pool_lock);
  if (pool == nullptr && untouched == 0) {
    // An exhausted kernel takes long to say no, and the caller has another way.
    if (attempts_to_skip > 0) {
      --attempts_to_skip;
      return nullptr;
    }
    if (!add_chunk()) {
      attempts_to_skip = kSkippedAttempts;
      return nullptr;
    }
  }
  RemoteBatch* batch = pool;
  if (batch != nullptr) {
    pool = batch->next;
  } else {
    batch = take_untouched();
  }
  batch->count = 0;
  return batch;
}

void return_batch(RemoteBatch* batch) {
  LockGuard guard(pool_lock);
  push(*batch);
}

size_t batch_bytes() {
  LockGuard guard(pool_lock);
  return chunks_bytes;
}

void batches_after_fork_in_child() {
  pool_lock.take_from_lost_thread();
}

}  // namespace hakmem
