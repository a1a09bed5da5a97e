// Owns: the count.
// Called by: see exit_rounds.h.
// Never: more than the thread's own.
#include "base/exit_rounds.h"

#include <limits.h>

namespace hakmem {
namespace {

__thread int exit_rounds __attribute__((tls_model("initial-exec"))) = 0;

}  // namespace

bool begin_exit_round() {
  return ++exit_rounds < PTHREAD_DESTRUCTOR_ITERATIONS;
}

bool thread_is_ending() {
  return exit_rounds > 0;
}

bool thread_has_no_exit_left() {
  return exit_rounds >= PTHREAD_DESTRUCTOR_ITERATIONS;
}

void never_give_a_heap() {
  exit_rounds = PTHREAD_DESTRUCTOR_ITERATIONS;
}

}  // namespace hakmem
