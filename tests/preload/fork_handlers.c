// Forks while threads allocate under a lock that a library's fork handlers take as well. A wrong
// order of the locks ends in a deadlock and the test's time limit.
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

void allocate_under_lock(void);

static void* allocate_for_ever(void* unused) {
  while (1) allocate_under_lock();
  return unused;
}

int main(void) {
  pthread_t thread;
  for (int count = 0; count < 2; ++count) {
    CHECK(pthread_create(&thread, NULL, allocate_for_ever, NULL) == 0);
  }
  for (int count = 0; count < 300; ++count) {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) _exit(0);
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
  }
  _exit(0);
}
