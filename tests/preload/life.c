// Allocation early and late: IFUNC resolvers, constructors, atexit, dlopen and dlclose; and with
// descriptors closed and the environment changed under way.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static void* from_constructor;
static void* from_resolver;

static int implementation(void) {
  return 7;
}

#if defined(__x86_64__) || defined(__aarch64__)
static int (*resolve(void))(void) {
  from_resolver = malloc(200);
  memset(from_resolver, 1, 200);
  free(malloc(5000));
  return implementation;
}
int chosen(void) __attribute__((ifunc("resolve")));
#else
int chosen(void) {
  return implementation();
}
#endif

__attribute__((constructor(101))) static void first(void) {
  from_constructor = malloc(3000);
  memset(from_constructor, 2, 3000);
}

static void at_exit(void) {
  void* block = malloc(100000);
  memset(block, 1, 100000);
  free(block);
}

__attribute__((destructor(101))) static void last(void) {
  free(malloc(50));
}

static void* load_and_unload(void* unused) {
  for (int round = 0; round < 20; ++round) {
    void* plugin = dlopen(PLUGIN, RTLD_NOW);
    CHECK(plugin != NULL);
    void* (*make)(size_t) = (void* (*)(size_t))dlsym(plugin, "plugin_make");
    CHECK(make != NULL);
    void* block = make(500);
    CHECK(malloc_usable_size(block) >= 500);
    dlclose(plugin);
    free(block);
  }
  return unused;
}

int main(void) {
  CHECK(chosen() == 7);
  free(from_resolver);
  free(from_constructor);
  atexit(at_exit);
  pthread_t thread;
  pthread_create(&thread, NULL, load_and_unload, NULL);
  pthread_join(thread, NULL);
  load_and_unload(NULL);
  // Our own library too: it stays (nodelete), and its thread hooks with it.
  const char* preload = getenv("LD_PRELOAD");
  if (preload != NULL) {
    const char* colon = strrchr(preload, ':');
    void* again = dlopen(colon != NULL ? colon + 1 : preload, RTLD_NOW);
    CHECK(again != NULL);
    dlclose(again);
  }
  free(malloc(10));
  clearenv();
  for (int descriptor = 3; descriptor < 256; ++descriptor) close(descriptor);
  void* block = malloc(40 << 20);
  memset(block, 1, 40 << 20);
  free(block);
  for (int round = 0; round < 3; ++round) free(malloc(1 << 20));
  malloc_trim(0);
  const pid_t child = vfork();
  if (child == 0) _exit(0);
  int status;
  waitpid(child, &status, 0);
  CHECK(status == 0);
  CHECK(system("true") == 0);
  return 0;
}
