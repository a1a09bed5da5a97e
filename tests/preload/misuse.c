// One mistake per process, named by the first argument. Returning 0 means that it went unnoticed.
// "unguarded" as the second: on a kernel without guard pages.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "check.h"

void free_sized(void*, size_t) __attribute__((weak));
void operator_delete_sized(void*, size_t) __asm__("_ZdlPvm") __attribute__((weak));
void* operator_new(size_t) __asm__("_Znwm") __attribute__((weak));

typedef struct hakmem_arena hakmem_arena;
hakmem_arena* hakmem_arena_create(void) __attribute__((weak));
void* hakmem_arena_allocate(hakmem_arena*, size_t, size_t) __attribute__((weak));
void hakmem_arena_free(hakmem_arena*, void*) __attribute__((weak));
void hakmem_arena_reset(hakmem_arena*) __attribute__((weak));
void hakmem_arena_destroy(hakmem_arena*) __attribute__((weak));

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

static void refuse_guards(void) {
  enum { kGuardInstall = 102 };
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kGuardInstall, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

// Mistakes that the checks alone notice; false where `name` is none.
static int watched_mistake(const char* name, char* volatile p) {
  if (strcmp(name, "overflow") == 0) {
    p[100] = 0, free(p);
  } else if (strcmp(name, "overflow-zeroed") == 0) {
    p = calloc(1, 33), p[33] = 0, free(p);
  } else if (strcmp(name, "overflow-aligned") == 0) {
    p = memalign(256, 33), p[33] = 0, free(p);
  } else if (strcmp(name, "overflow-medium") == 0) {
    p = malloc(20000), p[20000] = 0, free(p);
  } else if (strcmp(name, "overflow-reallocated") == 0) {
    p = realloc(p, 150), p[150] = 0, free(p);
  } else if (strcmp(name, "overflow-before-realloc") == 0) {
    p[100] = 0, sink = realloc(p, 200);
  } else if (strcmp(name, "overflow-before-usable-size") == 0) {
    p[100] = 0, sink = (void*)malloc_usable_size(p);
  } else if (strcmp(name, "overflow-kept") == 0) {
    p[100] = 0;
  } else if (strcmp(name, "overflow-large") == 0) {
    p = malloc(300000), p[300000] = 0, free(p);
  } else if (strcmp(name, "overflow-large-odd") == 0) {
    p = malloc(300001), p[300001] = 0, free(p);
  } else if (strcmp(name, "overflow-large-aligned") == 0) {
    p = memalign(4 << 20, 300000), p[300000] = 0, free(p);
  } else if (strcmp(name, "underflow") == 0) {
    p[-1] = 0, free(p);
  } else if (strcmp(name, "underflow-large") == 0) {
    p = malloc(300000), p[-1] = 0, free(p);
  } else if (strcmp(name, "underflow-word") == 0) {
    memset(p - 8, 0, 8), free(p);
  } else if (strcmp(name, "underflow-aligned") == 0) {
    p = memalign(256, 33), p[-1] = 0, free(p);
  } else if (strcmp(name, "underflow-kept") == 0) {
    p[-1] = 0;
  } else if (strcmp(name, "underflow-before-realloc") == 0) {
    p[-1] = 0, sink = realloc(p, 200);
  } else if (strcmp(name, "write-before-freed") == 0) {
    free(p), p[-1] = 0;
  } else if (strcmp(name, "double-after-write-before") == 0) {
    free(p), p[-1] = 0, free(p);
  } else if (strcmp(name, "double-long-ago") == 0) {
    p = memalign(128, 33), free(p);
    for (int k = 0; k < 200000; ++k) free(malloc(3000));
    free(p);
  } else if (strcmp(name, "write-after-free") == 0) {
    free(p), p[99] = 0;
  } else if (strcmp(name, "write-after-free-and-reuse") == 0) {
    free(p), p[50] = 0;
    for (int k = 0; k < 200000; ++k) free(malloc(100));
  } else if (strcmp(name, "write-after-free-medium") == 0) {
    p = freed(20000), p[19999] = 0;
  } else if (strcmp(name, "write-after-free-large") == 0) {
    p = freed(300000), p[0] = 0;
  } else if (strcmp(name, "write-after-realloc") == 0) {
    sink = realloc(p, 150), p[5] = 0;
  } else if (strcmp(name, "double-after-1000") == 0) {
    free(p);
    for (int k = 0; k < 1000; ++k) free(malloc(100));
    free(p);
  } else if (strcmp(name, "free-interior-small") == 0) {
    free(p + 16);
  } else if (strcmp(name, "free-interior-huge") == 0) {
    p = malloc(40 << 20), free(p + (30 << 20));
  } else if (strcmp(name, "free-before-start") == 0) {
    free(p - 16);
  } else if (strcmp(name, "wrong-size") == 0) {
    free_sized(p, 99);
  } else if (strcmp(name, "wrong-size-delete") == 0) {
    operator_delete_sized(operator_new(24), 16);
  } else {
    return 0;
  }
  return 1;
}

// At an offset in its 64 KiB where a slab that has just begun has no blocks.
static void* far_from_blocks(void) {
  static char memory[2 << 16];
  const uintptr_t middle = ((uintptr_t)memory + (1 << 15)) / (1 << 16) * (1 << 16) + (1 << 15);
  return (void*)(middle < (uintptr_t)memory ? middle + (1 << 16) : middle);
}

// Mistakes with arenas; false where `name` is none.
static int arena_mistake(const char* name) {
  if (strncmp(name, "arena-", 6) != 0) return 0;
  hakmem_arena* volatile arena = hakmem_arena_create();
  hakmem_arena* volatile other = hakmem_arena_create();
  void* volatile block = hakmem_arena_allocate(arena, 100, 0);
  void* volatile large = hakmem_arena_allocate(arena, 1 << 20, 0);
  CHECK(arena != NULL && other != NULL && block != NULL && large != NULL);
  if (strcmp(name, "arena-free-after-reset") == 0) {
    hakmem_arena_reset(arena), hakmem_arena_free(arena, block);
  } else if (strcmp(name, "arena-plain-free-after-reset") == 0) {
    hakmem_arena_reset(arena), free(block);
  } else if (strcmp(name, "arena-large-free-after-reset") == 0) {
    hakmem_arena_reset(arena), hakmem_arena_free(arena, large);
  } else if (strcmp(name, "arena-free-twice") == 0) {
    hakmem_arena_free(arena, block), hakmem_arena_free(arena, block);
  } else if (strcmp(name, "arena-free-into-other") == 0) {
    hakmem_arena_free(other, block);
  } else if (strcmp(name, "arena-free-of-malloc") == 0) {
    hakmem_arena_free(arena, malloc(100));
  } else if (strcmp(name, "arena-free-after-destroy") == 0) {
    hakmem_arena_destroy(arena), hakmem_arena_free(arena, block);
  } else if (strcmp(name, "arena-plain-free-after-destroy") == 0) {
    hakmem_arena_destroy(arena), free(block);
  } else if (strcmp(name, "arena-allocate-after-destroy") == 0) {
    hakmem_arena_destroy(arena), sink = hakmem_arena_allocate(arena, 100, 0);
  } else if (strcmp(name, "arena-reset-after-destroy") == 0) {
    hakmem_arena_destroy(arena), hakmem_arena_reset(arena);
  } else if (strcmp(name, "arena-destroy-twice") == 0) {
    hakmem_arena_destroy(arena), hakmem_arena_destroy(arena);
  } else if (strcmp(name, "arena-destroy-of-the-next") == 0) {
    hakmem_arena_destroy(arena), sink = hakmem_arena_create(), hakmem_arena_destroy(arena);
  } else if (strcmp(name, "arena-null") == 0) {
    sink = hakmem_arena_allocate(NULL, 100, 0);
  } else if (strcmp(name, "arena-null-reset") == 0) {
    hakmem_arena_reset(NULL);
  } else if (strcmp(name, "arena-null-free") == 0) {
    hakmem_arena_free(NULL, block);
  } else if (strcmp(name, "arena-garbage") == 0) {
    sink = hakmem_arena_allocate((hakmem_arena*)static_memory, 100, 0);
  } else if (strcmp(name, "arena-garbage-free") == 0) {
    hakmem_arena_free((hakmem_arena*)0xdead00000000beb0, block);
  } else if (strcmp(name, "arena-garbage-destroy") == 0) {
    hakmem_arena_destroy((hakmem_arena*)block);
  } else {
    return 0;
  }
  return 1;
}

int main(int argc, char** argv) {
  CHECK(argc == 2 || argc == 3);
  if (argc == 3) refuse_guards();
  const char* name = argv[1];
  char on_stack[256] = {0};
  // Pointers go through volatile, so that the compiler does not see the mistake.
  void* volatile p = malloc(100);
  void* volatile q = malloc(100);
  if (watched_mistake(name, p) || arena_mistake(name)) return 0;
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
    *(void**)p = far_from_blocks();
    sink = malloc(100), sink = malloc(100);
  } else if (strcmp(name, "list-damaged-forged") == 0) {
    free(q), free(p);
    void** forged = far_from_blocks();
    memcpy(forged, p, 16);
    *(void**)p = forged;
    sink = malloc(100), sink = malloc(100);
  } else if (strcmp(name, "list-damaged-unmapped") == 0) {
    free(q), free(p);
    *(void**)p = (void*)0xdead00000000b000;
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
