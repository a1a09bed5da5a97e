// Owns: the requests on the ring, which of them are outstanding, and the exported table.
// Called by: the loader of the module, through the table.
// Never: a range reported while the kernel may still purge it; state that a child inherits.
#include "backend/uring/uring_module.h"

#include <errno.h>
#include <sys/mman.h>
#include <time.h>

#include <algorithm>

#include "backend/uring/ring.h"
#include "base/system_call.h"

namespace hakmem {
namespace {

constexpr size_t kMostArmed = 512;
// A request's length has 32 bits; whole huge pages stay whole.
constexpr size_t kMostBytes = (size_t{4} << 30) - (size_t{2} << 20);

enum class Request : uint64_t {
  kTakenBack = hakmem::kTakenBack,
  kDeadline,
  kArmed,
  kRemoval,
  kPurge
};

uint64_t tag(Request request, size_t range = 0) {
  return static_cast<uint64_t>(request) << 48 | range;
}

// What is armed: a timeout, linked to one request per piece of a range.
struct Chain {
  __kernel_timespec delay;  // read by the kernel's thread when it takes the timeout
  size_t ranges;            // 0: nothing is armed
  unsigned outstanding;     // requests that have not completed
  unsigned removals;        // the same of requests to remove the timeout
  bool has_void_requests;   // answers tell nothing about the memory
  bool is_purged[kMostArmed];
};

// What a call of purge waits for.
struct Batch {
  unsigned outstanding;
  size_t first_refused;
};

enum class Deadlines : uint8_t { kAsked, kWork, kRefused };

struct State {
  Ring ring;
  Deadlines deadlines;
  Chain chain;
  Batch batch;
};

// On pages of its own with MADV_WIPEONFORK: a child finds zeros. A child's request on the inherited
// ring would purge the parent's memory, and no fork handler runs for _Fork and raw clone.
constinit State* global_state = nullptr;

State* state_with_ring() {
  return global_state != nullptr && global_state->ring.is_open ? global_state : nullptr;
}

int map_state() {
  if (global_state != nullptr) return 0;
  const long mapped = system_call(SYS_mmap, nullptr, sizeof(State), PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped < 0 && mapped > -4096) return static_cast<int>(mapped);
  const long wiped = system_call(SYS_madvise, mapped, sizeof(State), MADV_WIPEONFORK);
  if (wiped < 0) {
    system_call(SYS_munmap, mapped, sizeof(State));
    return static_cast<int>(wiped);
  }
  global_state = reinterpret_cast<State*>(mapped);
  return 0;
}

// Together they leave the submission queue room for a removal, so it is never full: a batch and a
// removal are waited for, a chain is taken when its removal is.
unsigned most_in_chain(const State& state) {
  return std::min<unsigned>(kMostArmed, state.ring.queue.sq.ring_entries / 2) - 2;
}
unsigned most_in_batch(const State& state) {
  return state.ring.queue.sq.ring_entries / 4;
}

void settle(State& state, uint64_t user_data, int result) {
  const size_t range = user_data & ((uint64_t{1} << 48) - 1);
  switch (static_cast<Request>(user_data >> 48)) {
    case Request::kTakenBack:
      break;
    case Request::kDeadline:
      --state.chain.outstanding;
      break;
    case Request::kArmed:
      --state.chain.outstanding;
      if (result < 0) state.chain.is_purged[range] = false;
      break;
    case Request::kRemoval:
      --state.chain.removals;
      break;
    case Request::kPurge:
      --state.batch.outstanding;
      if (result < 0) state.batch.first_refused = std::min(state.batch.first_refused, range);
      break;
  }
}

// Takes in the completions that have come.
void reap(State& state) {
  unsigned head;
  unsigned taken = 0;
  io_uring_cqe* completion;
  io_uring_for_each_cqe(&state.ring.queue, head, completion) {
    settle(state, completion->user_data, completion->res);
    ++taken;
  }
  io_uring_cq_advance(&state.ring.queue, taken);
}

// false: the descriptor is lost and `outstanding`, a member of `state`, is not 0.
bool wait_for(State& state, const unsigned& outstanding) {
  for (reap(state); outstanding > 0; reap(state)) {
    if (!enter(state.ring, outstanding)) {
      reap(state);
      return outstanding == 0;
    }
  }
  return true;
}

// What stands in the queue from `first` on.
unsigned queued_since(const State& state, unsigned first) {
  return state.ring.queue.sq.sqe_tail - first;
}

void queue_timeout(State& state, uint64_t delay_ns) {
  constexpr uint64_t kSecond = 1'000'000'000;
  state.chain.delay = {static_cast<int64_t>(delay_ns / kSecond),
                       static_cast<long long>(delay_ns % kSecond)};
  io_uring_sqe* request = io_uring_get_sqe(&state.ring.queue);
  io_uring_prep_timeout(request, &state.chain.delay, 0, IORING_TIMEOUT_ETIME_SUCCESS);
  request->flags = IOSQE_IO_LINK;
  request->user_data = tag(Request::kDeadline);
}

// The piece of the range from `offset` on; how many bytes it has.
size_t piece_at(const AddressRange& range, size_t offset) {
  return std::min(range.bytes - offset, kMostBytes);
}

io_uring_sqe& queue_advice(State& state, const AddressRange& range, size_t offset, int advice,
                           uint64_t user_data) {
  io_uring_sqe* request = io_uring_get_sqe(&state.ring.queue);
  io_uring_prep_madvise(request, static_cast<char*>(range.start) + offset,
                        static_cast<off_t>(piece_at(range, offset)), advice);
  request->user_data = user_data;
  return *request;
}

// IORING_TIMEOUT_ETIME_SUCCESS (Linux 5.16): without it a deadline that comes cancels what is
// linked to it, and the flag is refused. The answer is waited for when it is needed: a busy machine
// takes milliseconds to run the kernel's thread for the first time.
void ask_whether_deadlines_work(State& state) {
  queue_timeout(state, 1);
  io_uring_sqe* follower = io_uring_get_sqe(&state.ring.queue);
  io_uring_prep_nop(follower);
  follower->user_data = tag(Request::kArmed);
  state.chain.is_purged[0] = true;
  state.chain.outstanding = 2;
  publish(state.ring);
}

bool deadlines_work(State& state) {
  if (state.deadlines == Deadlines::kAsked && wait_for(state, state.chain.outstanding)) {
    state.deadlines = state.chain.is_purged[0] ? Deadlines::kWork : Deadlines::kRefused;
  }
  return state.deadlines == Deadlines::kWork;
}

int open() {
  if (const int result = map_state(); result < 0) return result;
  State& state = *global_state;
  if (!state.ring.is_open) {
    if (const int result = open_ring(state.ring); result < 0) return result;
    ask_whether_deadlines_work(state);
  }
  return state.ring.is_lost ? -EBADF : 0;
}

int ring_state() {
  const State* state = state_with_ring();
  if (state == nullptr) return -ENOTCONN;
  return state->ring.is_lost ? -EBADF : 0;
}

// The descriptor was lost between the publication of the batch and its completion.
void settle_unreachable_batch(State& state, unsigned first) {
  const unsigned published = queued_since(state, first);
  state.batch.outstanding -= published - take_back(state.ring, first, published);
  for (reap(state); state.batch.outstanding > 0; reap(state)) {
    const timespec a_millisecond{0, 1'000'000};
    system_call(SYS_nanosleep, &a_millisecond, nullptr);
  }
}

size_t purge(const AddressRange* ranges, size_t count, int advice) {
  State* state = state_with_ring();
  if (state == nullptr) return 0;
  Batch& batch = state->batch;
  batch = {0, count};
  size_t range = 0;
  size_t offset = 0;
  while (range < count && batch.first_refused == count) {
    if (!is_reachable(state->ring)) return range;
    const size_t first_range = range;
    const unsigned first = state->ring.queue.sq.sqe_tail;
    while (range < count && batch.outstanding < most_in_batch(*state)) {
      queue_advice(*state, ranges[range], offset, advice, tag(Request::kPurge, range));
      ++batch.outstanding;
      offset += piece_at(ranges[range], offset);
      if (offset == ranges[range].bytes) {
        ++range;
        offset = 0;
      }
    }
    publish(state->ring);
    if (!wait_for(*state, batch.outstanding)) {
      settle_unreachable_batch(*state, first);
      return first_range;
    }
  }
  return batch.first_refused;
}

// Queues the requests of as many ranges as fit; how many ranges those are.
size_t queue_chain(State& state, const AddressRange* ranges, size_t count, int advice) {
  Chain& chain = state.chain;
  io_uring_sqe* last = nullptr;
  size_t range = 0;
  unsigned room = most_in_chain(state);
  for (; range < count; ++range) {
    const size_t pieces = std::max<size_t>(1, (ranges[range].bytes + kMostBytes - 1) / kMostBytes);
    if (pieces > room) break;
    room -= static_cast<unsigned>(pieces);
    size_t offset = 0;
    for (size_t piece = 0; piece < pieces; ++piece) {
      last = &queue_advice(state, ranges[range], offset, advice, tag(Request::kArmed, range));
      // Hard: on kernels where a refused range counts as failed it must not cancel the others.
      last->flags = IOSQE_IO_HARDLINK;
      offset += piece_at(ranges[range], offset);
    }
    chain.is_purged[range] = true;
  }
  if (last != nullptr) last->flags = 0;
  return range;
}

size_t arm(const AddressRange* ranges, size_t count, uint64_t delay_ns, int advice) {
  State* state = state_with_ring();
  if (state == nullptr || state->chain.ranges > 0 || count == 0) return 0;
  if (ranges[0].bytes > kMostBytes * most_in_chain(*state)) return 0;
  if (!is_reachable(state->ring) || !deadlines_work(*state)) return 0;
  Chain& chain = state->chain;
  const unsigned first = state->ring.queue.sq.sqe_tail;
  queue_timeout(*state, delay_ns);
  chain.ranges = queue_chain(*state, ranges, count, advice);
  chain.outstanding = queued_since(*state, first);
  publish(state->ring);
  if (!enter(state->ring, 0)) {
    const unsigned published = queued_since(*state, first);
    const unsigned taken = take_back(state->ring, first, published);
    chain.outstanding -= published - taken;
    chain.has_void_requests = true;
    if (taken == 0) chain.ranges = 0;
  }
  return chain.ranges;
}

// Has the timeout removed, and with it what is linked to it, unless the deadline has come.
bool settle_chain(State& state) {
  if (!is_reachable(state.ring)) return false;
  io_uring_sqe* removal = io_uring_get_sqe(&state.ring.queue);
  io_uring_prep_timeout_remove(removal, tag(Request::kDeadline), 0);
  removal->user_data = tag(Request::kRemoval);
  ++state.chain.removals;
  publish(state.ring);
  const bool settled = wait_for(state, state.chain.outstanding);
  wait_for(state, state.chain.removals);
  return settled;
}

size_t disarm(bool* purged) {
  State* state = state_with_ring();
  if (state == nullptr || state->chain.ranges == 0) return 0;
  Chain& chain = state->chain;
  reap(*state);
  if (chain.outstanding > 0 && !settle_chain(*state)) return 0;
  for (size_t range = 0; range < chain.ranges; ++range) {
    purged[range] = chain.is_purged[range] && !chain.has_void_requests;
  }
  const size_t ranges = chain.ranges;
  chain.ranges = 0;
  return ranges;
}

bool is_armed() {
  const State* state = state_with_ring();
  return state != nullptr && state->chain.ranges > 0;
}

bool has_fired() {
  State* state = state_with_ring();
  if (state == nullptr || state->chain.ranges == 0) return false;
  reap(*state);
  return state->chain.outstanding == 0;
}

}  // namespace
}  // namespace hakmem

constexpr hakmem::UringModule hakmem_uring_module = {
    .version = hakmem::kUringModuleVersion,
    .open = hakmem::open,
    .state = hakmem::ring_state,
    .purge = hakmem::purge,
    .arm = hakmem::arm,
    .disarm = hakmem::disarm,
    .is_armed = hakmem::is_armed,
    .has_fired = hakmem::has_fired,
};
