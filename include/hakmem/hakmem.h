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

/* Gives all memory that no live block needs back to the kernel, whichever thread freed it.
 * Returns the bytes given back. Takes about 0.2 us per resident 4 KiB page. */
size_t hakmem_purge(void);

/* All sizes in bytes. */
typedef struct hakmem_statistics {
  size_t size;      /* of this structure, set by the caller before the call */
  uint32_t version; /* of the contents, set by the library; 1 */
  uint32_t reserved;
  uint64_t allocated; /* in live blocks, rounded up to their size class */
  uint64_t active;    /* of slabs and extents that hold live blocks */
  uint64_t metadata;  /* committed for the allocator's own structures */
  uint64_t resident;  /* of the whole process, in memory; 0 when /proc is not there */
  uint64_t mapped;    /* committed for data */
  uint64_t retained;  /* free, and kept backed for reuse */
  uint64_t purged;    /* given back to the kernel since the start */
} hakmem_statistics;

/* Takes a snapshot. While other threads allocate, each number is right for some moment of its own.
 * A caller compiled against an older, shorter structure gets the members that it knows.
 * Returns 0, or -1 with errno EINVAL when `statistics` is null or its size is too small for
 * `size` and `version`. */
int hakmem_get_statistics(hakmem_statistics* statistics);

#ifdef __cplusplus
}
#endif

#endif
