// Owns: the system calls on the ring.
// Called by: uring_module.cc.
// Never: a ring enabled that is not restricted.
#include "backend/uring/ring.h"

#include <algorithm>
#include <iterator>

namespace hakmem {
namespace {

constexpr unsigned kEntries = 64;  // the page heap's batches have as many ranges

// From then on the kernel refuses all other requests and registrations, whoever writes into the
// queue, which lies in the process' memory.
int restrict_to_madvise(io_uring* ring) {
  io_uring_restriction allowed[1] = {};
  allowed[0].opcode = IORING_RESTRICTION_SQE_OP;
  allowed[0].sqe_op = IORING_OP_MADVISE;
  return io_uring_register_restrictions(ring, allowed, std::size(allowed));
}

// The kernel's threads that do the work count as threads of the process, and several gain nothing.
int take_one_worker(io_uring* ring) {
  unsigned most[2] = {1, 1};  // for bounded and unbounded work
  return io_uring_register_iowq_max_workers(ring, most);
}

}  // namespace

int open_ring(io_uring& ring) {
  io_uring_params parameters{};
  parameters.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER;
  int result = io_uring_queue_init_params(kEntries, &ring, &parameters);
  if (result < 0) return result;
  for (const auto step :
       {io_uring_ring_dontfork, restrict_to_madvise, take_one_worker, io_uring_enable_rings}) {
    result = std::min(step(&ring), 0);
    if (result < 0) break;
  }
  if (result < 0) io_uring_queue_exit(&ring);
  return result;
}

void close_ring(io_uring& ring) {
  io_uring_queue_exit(&ring);
}

int enter(io_uring& ring, unsigned completions) {
  return std::min(io_uring_submit_and_wait(&ring, completions), 0);
}

}  // namespace hakmem
