// A library that takes a lock around fork, allocates under it, and restarts a thread in the child,
// as several do. Its handlers are registered before main.
#include <pthread.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void* work_once(void* unused) {
  free(malloc(100));
  return unused;
}

static void prepare(void) {
  pthread_mutex_lock(&lock);
}
static void parent(void) {
  pthread_mutex_unlock(&lock);
}
static void child(void) {
  pthread_mutex_unlock(&lock);
  pthread_t thread;
  if (pthread_create(&thread, NULL, work_once, NULL) == 0) pthread_join(thread, NULL);
}

__attribute__((constructor)) static void construct(void) {
  pthread_atfork(prepare, parent, child);
}

void allocate_under_lock(void) {
  pthread_mutex_lock(&lock);
  void* volatile large = malloc(5000000);
  void* volatile medium = malloc(100000);
  free(large);
  free(medium);
  pthread_mutex_unlock(&lock);
}
