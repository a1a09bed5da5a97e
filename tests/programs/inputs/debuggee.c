// Something to debug: it allocates, stops, and is asked to allocate by the debugger: by a call, or
// by the variable where the debugger cannot call.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

int count;
int is_asked;
void pause_here(void) {
  ++count;
}
char* keep(const char* text) {
  return strdup(text);
}

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
  if (is_asked) block = realloc(block, strlen(keep("hello")) * 100000);
  free(block);
  return 0;
}
