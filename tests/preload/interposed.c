// A program with a sigaction of its own that cannot be called yet while the first constructor runs,
// like those of the sanitizers.
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"

static int is_ready;

int sigaction(int number, const struct sigaction* action, struct sigaction* before) {
  (void)number, (void)action, (void)before;
  CHECK(is_ready);
  return 0;
}

__attribute__((constructor)) static void get_ready(void) {
  is_ready = 1;
}

int main(void) {
  free(malloc(300000));
  return 0;
}
