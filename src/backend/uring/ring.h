// Owns: the making of one io_uring: what it may do, and for whom.
// Called by: uring_module.cc.
// Never: a ring that takes other requests than madvise, or serves another thread than its maker.
#pragma once

#include <liburing.h>

namespace hakmem {

// For the calling thread alone (IORING_SETUP_SINGLE_ISSUER, Linux 6.0): the kernel refuses it to
// all others, whoever gets at the descriptor. 0 or a negated errno.
int open_ring(io_uring& ring);

void close_ring(io_uring& ring);

// Has the kernel take what is queued and waits for `completions`; interrupted by signals. 0 or a
// negated errno.
int enter(io_uring& ring, unsigned completions);

}  // namespace hakmem
