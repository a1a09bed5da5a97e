// Owns: the requests on the ring, which of them are outstanding, and the exported table.
// Called by: the loader of the module, through the table.
// Never: a return while the kernel may still purge a range.
#include "backend/uring/uring_module.h"

#include <errno.h>
#include <linux/futex.h>
#include <time.h>

#include <algorithm>

#include "backend/uring/ring.h"
#include "base/system_call.h"

namespace hakmem {
namespace {

// A request's length has 32 bits; whole huge pages stay whole.
constexpr size_t kMostBytes = (size_t{4} << 30) - (size_t{2} << 20);

struct State {
  io_uring ring;
  bool serves;
  unsigned outstanding;  // requests without an answer
  size_t first_refused;  // range
};

constinit State state{};

int open() {
  state = {};
  const int result = open_ring(state.ring);
  state.serves = result == 0;
  return result;
}

void close() {
  close_ring(state.ring);
  state.serves = false;
}

void reap() {
  unsigned head;
  unsigned taken = 0;
  io_uring_cqe* answer;
  io_uring_for_each_cqe(&state.ring, head, answer) {
    const size_t range = answer->user_data;
    if (answer->res < 0) state.first_refused = std::min(state.first_refused, range);
    ++taken;
  }
  io_uring_cq_advance(&state.ring, taken);
  state.outstanding -= taken;
}

// What the kernel has not taken it never will: nobody enters it again.
void wait_for_what_was_taken() {
  state.serves = false;
  state.outstanding -= io_uring_sq_ready(&state.ring);
  for (reap(); state.outstanding > 0; reap()) {
    const timespec a_millisecond{0, 1'000'000};
    const uint32_t word = 0;
    system_call(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &a_millisecond);
  }
}

// false: the kernel takes no requests any more.
bool wait_for_all() {
  for (reap(); state.outstanding > 0; reap()) {
    const int result = enter(state.ring, state.outstanding);
    if (result == 0 || result == -EINTR || result == -EAGAIN || result == -EBUSY) continue;
    wait_for_what_was_taken();
    return false;
  }
  return true;
}

// The piece of the range from `offset` on; how many bytes it has. false: the queue is full.
bool queue_piece(const AddressRange& range, size_t offset, int advice, size_t index,
                 size_t& bytes) {
  io_uring_sqe* request = io_uring_get_sqe(&state.ring);
  if (request == nullptr) return false;
  bytes = std::min(range.bytes - offset, kMostBytes);
  io_uring_prep_madvise(request, static_cast<char*>(range.start) + offset,
                        static_cast<off_t>(bytes), advice);
  request->user_data = index;
  ++state.outstanding;
  return true;
}

size_t purge(const AddressRange* ranges, size_t count, int advice) {
  state.first_refused = count;
  size_t range = 0;
  size_t offset = 0;
  while (state.serves && range < count && state.first_refused == count) {
    const size_t first = range;
    size_t bytes = 0;
    while (range < count && queue_piece(ranges[range], offset, advice, range, bytes)) {
      offset += bytes;
      if (offset == ranges[range].bytes) {
        ++range;
        offset = 0;
      }
    }
    if (!wait_for_all()) return first;
  }
  return std::min(state.first_refused, range);
}

bool serves() {
  return state.serves;
}

}  // namespace
}  // namespace hakmem

constexpr hakmem::UringModule hakmem_uring_module = {
    .version = hakmem::kUringModuleVersion,
    .open = hakmem::open,
    .close = hakmem::close,
    .purge = hakmem::purge,
    .serves = hakmem::serves,
};
