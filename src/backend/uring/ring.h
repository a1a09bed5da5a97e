// Owns: one SQPOLL ring: its making, its descriptor, the hand-over of queued requests.
// Called by: uring_module.cc.
// Never: a descriptor used that was not verified; a number of requests passed to io_uring_enter.
#pragma once

#include <liburing.h>

namespace hakmem {

// All zero: no ring. liburing holds no descriptor: its io_uring_submit only publishes, and every
// entrance into the kernel is made here.
struct Ring {
  io_uring queue;
  int descriptor;
  bool is_open;
  bool is_lost;  // the program closed the descriptor
};

// What take_back leaves as the user_data of requests that the kernel will find void.
inline constexpr uint64_t kTakenBack = 0;

// 0 or a negated errno.
int open_ring(Ring& ring);

// Whether the descriptor leads to this ring: 3 us. Asked before anything is queued, for what is
// published and not taken could run at any later time.
bool is_reachable(Ring& ring);

// Makes queued requests visible to the kernel's thread, which takes them at once if it is awake.
void publish(Ring& ring);

// Wakes the kernel's thread if it sleeps and waits until `completions` have come or a signal has.
// Without completions it makes no system call if the thread is awake. false: the descriptor
// is lost.
bool enter(Ring& ring, unsigned completions);

// For requests published just before the descriptor was lost, `count` of them from position `first`
// on: makes void what the kernel has not taken. How many it has taken; these will
// complete, perhaps as void too. The others never run.
unsigned take_back(Ring& ring, unsigned first, unsigned count);

}  // namespace hakmem
