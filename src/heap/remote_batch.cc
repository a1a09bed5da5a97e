// Owns: the pool of batches.
// Called by: see remote_batch.h.
// Never: a batch given back to the kernel; the pool is as large as the traffic ever was.
#include "heap/remote_batch.h"

#include "base/lock.h"
#include "base/store_order.h"
#include "heap/page_heap.h"

namespace hakmem {
namespace {

constinit Lock pool_lock{LockRank::kMetadata};
constinit RemoteBatch* pool = nullptr;
constinit uint32_t attempts_to_skip = 0;

constexpr uint32_t kSkippedAttempts = 4096;

// Under the lock. A child of a fork finds the pool whole after each store.
void push(RemoteBatch& batch) {
  batch.next = pool;
  keep_store_order();
  pool = &batch;
}

// Under the lock. From the page heap, not a mapping: what is free there serves even where the
// kernel gives nothing more. The span has no kind of its own; to the program it is no block.
bool add_chunk() {
  Span* span = page_heap.allocate({1});
  if (span == nullptr) return false;
  auto* batches = static_cast<RemoteBatch*>(page_heap.map().start_of(span));
  for (size_t index = kSliceSize / sizeof(RemoteBatch); index-- > 0;) {
    push(batches[index]);
  }
  return true;
}

}  // namespace

RemoteBatch* take_batch() {
  LockGuard guard(pool_lock);
  if (pool == nullptr) {
    // An exhausted page heap takes long to say no, and the caller has another way.
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
  pool = batch->next;
  batch->count = 0;
  return batch;
}

void return_batch(RemoteBatch* batch) {
  LockGuard guard(pool_lock);
  push(*batch);
}

void batches_after_fork_in_child() {
  pool_lock.take_from_lost_thread();
}

}  // namespace hakmem
