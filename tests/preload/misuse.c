// One mistake per process, named by the first argument. Returning 0 means that it went unnoticed.
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "check.h"

static char static_memory[256];
static void* volatile sink;

static void* free_it(void* block) {
  free(block);
  return NULL;
}

static void in_thread(void* block) {
  pthread_t thread;
  pthread_create(&thread, NULL, free_it, block);
  pthread_join(thread, NULL);
}

static void* freed(size_t size) {
  void* block = malloc(size);
  free(block);
  return block;
}

int main(int argc, char** argv) {
  CHECK(argc == 2);
  const char* name = argv[1];
  char on_stack[256] = {0};
  // Pointers go through volatile, so that the compiler does not see the mistake.
  void* volatile p = malloc(100);
  void* volatile q = malloc(100);
  if (strcmp(name, "double-at-once") == 0) {
    free(p), free(p);
  } else if (strcmp(name, "double-another-between") == 0) {
    free(p), free(q), free(p);
  } else if (strcmp(name, "double-late") == 0) {
    free(p);
    for (int k = 0; k < 5000; ++k) free(malloc((size_t)k + 200));
    free(p);
  } else if (strcmp(name, "double-medium") == 0) {
    p = freed(20000), free(p);
  } else if (strcmp(name, "double-large") == 0) {
    p = freed(5 << 20), free(p);
  } else if (strcmp(name, "double-huge") == 0) {
    p = freed(100 << 20), free(p);
  } else if (strcmp(name, "double-other-thread") == 0) {
    free(p), in_thread(p);
  } else if (strcmp(name, "double-both-in-other-thread") == 0) {
    in_thread(p), in_thread(p);
  } else if (strcmp(name, "free-stack") == 0) {
    p = (void*)(((uintptr_t)on_stack + 31) & ~(uintptr_t)15), free(p);
  } else if (strcmp(name, "free-static") == 0) {
    p = (void*)(((uintptr_t)static_memory + 31) & ~(uintptr_t)15), free(p);
  } else if (strcmp(name, "free-interior-medium") == 0) {
    p = (char*)malloc(20000) + 4096, free(p);
  } else if (strcmp(name, "free-interior-large") == 0) {
    p = (char*)malloc(1 << 20) + 4096, free(p);
  } else if (strcmp(name, "free-misaligned") == 0) {
    p = (char*)p + 1, free(p);
  } else if (strcmp(name, "free-unmapped") == 0) {
    void* hole = mmap(NULL, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(hole, 1 << 20);
    p = hole, free(p);
  } else if (strcmp(name, "free-non-canonical") == 0) {
    p = (void*)0xdead00000000beb0, free(p);
  } else if (strcmp(name, "free-small-number") == 0) {
    p = (void*)0x40, free(p);
  } else if (strcmp(name, "free-never-allocated") == 0) {
    p = (char*)p + 112 * 20, free(p);
  } else if (strcmp(name, "list-damaged") == 0) {
    free(q), free(p);
    *(void**)p = on_stack;
    sink = malloc(100), sink = malloc(100);
  } else if (strcmp(name, "freed-block-overwritten") == 0) {
    free(q), free(p);
    memset(p, 0x41, 100);
    sink = malloc(100), sink = malloc(100);
  } else if (strcmp(name, "realloc-freed") == 0) {
    free(p), sink = realloc(p, 200);
  } else if (strcmp(name, "usable-size-freed") == 0) {
    free(p), sink = (void*)malloc_usable_size(p);
  } else if (strcmp(name, "realloc-interior-small") == 0) {
    sink = realloc((char*)p + 16, 200);
  } else {
    fprintf(stderr, "misuse: no case '%s'\n", name);
    return 2;
  }
  // A block that is free must not be handed out twice.
  void* blocks[64];
  for (int k = 0; k < 64; ++k) blocks[k] = malloc(100);
  for (int k = 0; k < 64; ++k) {
    for (int other = 0; other < k; ++other) CHECK(blocks[k] != blocks[other]);
  }
  return 0;
}
