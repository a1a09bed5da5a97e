// Links the static library: the same functions, without a preload.
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "hakmem/hakmem.h"

static void* work(void* unused) {
  for (int k = 0; k < 10000; ++k) free(malloc((size_t)k));
  return unused;
}

int main(void) {
  CHECK(strcmp(hakmem_mode(), "balanced") == 0);
  pthread_t threads[3];
  for (int k = 0; k < 3; ++k) pthread_create(&threads[k], NULL, work, NULL);
  for (int k = 0; k < 3; ++k) pthread_join(threads[k], NULL);
  hakmem_statistics statistics = {.size = sizeof statistics};
  void* block = malloc(1 << 20);
  CHECK(hakmem_get_statistics(&statistics) == 0 && statistics.allocated >= 1 << 20);
  free(block);
  CHECK(dlopen("libm.so.6", RTLD_NOW | RTLD_DEEPBIND) != NULL);
  return 0;
}
