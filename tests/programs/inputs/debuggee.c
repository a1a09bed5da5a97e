// Something to debug: it allocates, stops, and is asked to allocate by the debugger.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

int count;
void pause_here(void) { ++count; }
char* keep(const char* text) { return strdup(text); }

static void* work(void* argument) {
  for (int round = 0; round < 1000; ++round) free(malloc((size_t)round * 16 + 1));
  return argument;
}

int main(void) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, work, NULL) != 0) return 1;
  pthread_join(thread, NULL);
  void* block = malloc(100000);
  pause_here();
  free(block);
  return 0;
}
