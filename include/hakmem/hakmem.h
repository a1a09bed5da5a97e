/* hakmem: a kernel-aware memory allocator for Linux. The C interface beside malloc(3).
 *
 * The library takes over malloc and its siblings when it is preloaded or linked; nothing here is
 * needed for that. A program that wants to ask or steer includes this header and links with
 * -lhakmem, or declares the functions weak to work without it.
 *
 * Every function is thread-safe and may be called at any time, except from signal handlers. */
#ifndef HAKMEM_HAKMEM_H
#define HAKMEM_HAKMEM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version that this header belongs to: major * 10000 + minor * 100 + patch. */
#define HAKMEM_VERSION 100

/* A program may define this variable to set its own defaults, as "name=value" separated by commas:
 *   const char* hakmem_conf = "mode=fast,bigcache=off,large_threshold=4M";
 * Names are "mode", the features and the options that HAKMEM_VERBOSE=1 lists. The environment
 * overrides it. */
extern const char* hakmem_conf;

/* The version of the library in use, in the form of HAKMEM_VERSION. */
int hakmem_version(void);

/* The version as text, "0.1.0". Static storage. */
const char* hakmem_version_string(void);

/* The mode in force: "minimal", "fast", "balanced", "learning" or "research". Static storage. */
const char* hakmem_mode(void);

/* Writes the value of a feature, such as "on", into `value`, cut to `size` bytes with its
 * terminating zero. `feature` is a name that HAKMEM_VERBOSE=1 lists, such as "bigcache".
 * Returns 1 if this version acts on the feature and it is not off, 0 if it is off, -1 if there is
 * no such feature. `value` may be null when `size` is 0. */
int hakmem_feature(const char* feature, char* value, size_t size);

/* Writes the effective configuration as text to the file descriptor. */
void hakmem_print_configuration(int descriptor);

/* Writes the statistics as text to the file descriptor. */
void hakmem_print_statistics(int descriptor);

/* The same as one JSON object: "schema" (1), "version", "mode", "purge" and "background" (what
 * gives memory back), and "statistics", numbers by name, null where the kernel does not tell. */
void hakmem_print_statistics_json(int descriptor);

/* Gives memory that no live block needs back to the kernel: what any thread has freed and keeps,
 * but not what was freed for a thread that sleeps and has not taken it in. Returns the bytes given
 * back. Takes about 0.2 us per resident 4 KiB page. */
size_t hakmem_purge(void);

/* All sizes in bytes. */
typedef struct hakmem_statistics {
  size_t size;      /* of this structure, set by the caller before the call */
  uint32_t version; /* of the contents, set by the library; 3 */
  uint32_t reserved;
  uint64_t allocated; /* in live blocks, rounded up to their size class */
  uint64_t active;    /* of slabs and extents that hold live blocks */
  uint64_t metadata;  /* committed for the allocator's own structures */
  uint64_t resident;  /* of the whole process, in memory; 0 when /proc is not there */
  uint64_t mapped;    /* committed for data */
  uint64_t retained;  /* free, and kept backed for reuse */
  uint64_t purged;    /* given back to the kernel since the start */
  /* Since version 2: */
  uint64_t purge_nanoseconds;   /* time spent in giving back */
  uint64_t purged_at_deadlines; /* 0: nothing is purged by the kernel alone */
  uint64_t moved;               /* moved by their page tables: free memory, and by realloc */
  uint64_t page_faults;         /* of the process, that needed no file */
  uint64_t memory_price;        /* ns for holding an idle MiB for a second, pressure included */
  uint64_t hold_small_pages;    /* ms that 2 MiB of free memory stay backed; 0: for ever */
  uint64_t hold_huge_pages;
  uint64_t huge;         /* on transparent huge pages; UINT64_MAX if the kernel is silent */
  uint64_t lazily_freed; /* of retained, the kernel's whenever it is short of memory */
  /* Since version 3: */
  uint64_t extent_cache_hits; /* blocks above 64 KiB that a thread served from its own freed ones */
  uint64_t limit;             /* on memory, the nearest that was seen; UINT64_MAX: none */
  uint64_t headroom;          /* left below that limit; UINT64_MAX: none */
  uint64_t small_purge_cost;  /* ns to give a MiB of small pages back */
  uint64_t small_fault_cost;  /* ns to touch a MiB of small pages anew */
  uint64_t huge_purge_cost;   /* the same of huge pages */
  uint64_t huge_fault_cost;
} hakmem_statistics;

/* Takes a snapshot. While other threads allocate, each number is right for some moment of its own.
 * A caller compiled against an older, shorter structure gets the members that it knows.
 * Returns 0, or -1 with errno EINVAL when `statistics` is null or its size is too small for
 * `size` and `version`. */
int hakmem_get_statistics(hakmem_statistics* statistics);

/* A block of at least `size` bytes, aligned to `alignment`: a power of two, or 0 for malloc's 16.
 * Returns null with errno ENOMEM when memory is exhausted, EINVAL for any other alignment. The
 * block may also be given to free() and realloc(). */
void* hakmem_allocate(size_t size, size_t alignment);

/* Frees a block of hakmem_allocate, malloc or their like; null is passed over. `size` and
 * `alignment` are those that it was asked for. Preserves errno. */
void hakmem_deallocate(void* block, size_t size, size_t alignment);

/* An arena: a heap of the program's own, of which all blocks can be freed at once.
 *
 * One thread at a time may use an arena: allocate, free, reset, destroy. Which thread that is may
 * change whenever the program passes the arena on (by a mutex, a queue, a join). Besides, any
 * thread may at any time give a block of a live arena to free(), which hands it to the arena's next
 * allocation; that free() has to return before the arena is reset or destroyed.
 *
 * Blocks of an arena are blocks: malloc_usable_size() knows them, and realloc() works; it keeps a
 * block in the arena if it can leave it in place, and moves it to the calling thread's heap
 * otherwise.
 *
 * Misuse that is noticed ends the process with a message: an arena that was destroyed, or is none;
 * a block that is not the arena's, or was freed by itself, by a reset or with its arena; two
 * threads at once. A null pointer is no arena.
 *
 * After fork(), an arena is as usable in the child as in the parent. One that another thread was
 * changing in the moment of the fork is made whole; the block that the thread was about to
 * allocate or free stays taken until the arena is reset. */
typedef struct hakmem_arena hakmem_arena;

/* A new arena, empty; null with errno ENOMEM when memory is exhausted. It costs about 3 KiB until
 * it is used, then 64 KiB of address space per size class, of which what is used is resident. */
hakmem_arena* hakmem_arena_create(void);

/* As hakmem_allocate, from the arena. */
void* hakmem_arena_allocate(hakmem_arena* arena, size_t size, size_t alignment);

/* Frees a block of this arena, faster than free() does; null is passed over. A block of another
 * arena or of none ends the process with a message. */
void hakmem_arena_free(hakmem_arena* arena, void* block);

/* Frees every block of the arena. The memory serves its next allocations, or others'. */
void hakmem_arena_reset(hakmem_arena* arena);

/* Frees every block, and the arena; null is passed over. */
void hakmem_arena_destroy(hakmem_arena* arena);

#ifdef __cplusplus
}
#endif

#endif
