// A program's own handler of SIGSEGV is called, whatever stands there before.
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "check.h"

static sigjmp_buf before;
static volatile int faults;

static void on_fault(int number) {
  (void)number;
  ++faults;
  siglongjmp(before, 1);
}

int main(void) {
  struct sigaction action = {.sa_handler = on_fault};
  CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
  volatile char* none = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(none != MAP_FAILED);
  for (int round = 0; round < 3; ++round) {
    free(malloc(300000));
    if (sigsetjmp(before, 1) == 0) *none = 1;
  }
  CHECK(faults == 3);
  struct sigaction now;
  CHECK(sigaction(SIGSEGV, NULL, &now) == 0 && now.sa_handler == on_fault);
  return 0;
}
