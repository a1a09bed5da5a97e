// Owns: the slow halves behind every exported function: which allocator serves a request.
// Called by: the exported symbols when the fast path misses.
// Never: errno left unset where a request is refused (ENOMEM).
#pragma once

#include <cstddef>

#include "frontend/api/call.h"

namespace hakmem {

// malloc for any size and any state of the process: before start-up, in a thread without a heap,
// in minimal mode. nullptr with ENOMEM when memory is exhausted or `size` exceeds PTRDIFF_MAX.
// `site` is where the program called, HAKMEM_CALL_SITE.
void* allocate_general(size_t size, const void* site);
void* allocate_zeroed_general(size_t size, const void* site);
// `alignment` is a power of two.
void* allocate_aligned_general(size_t alignment, size_t size, const void* site);

// `address` may be null or foreign.
void free_general(void* address, Call call);
// `size` is what the program says that the block was asked for.
void free_sized_general(void* address, size_t size, Call call);
void* reallocate_general(void* address, size_t size, Call call);
// The contents of a block of `bytes` in a new one of `size`; nullptr, and the old one as it was,
// where there is no memory.
void* move_block(void* address, size_t bytes, size_t size, const Call& call);
size_t usable_size_general(void* address, Call call);

// Whether the mmap feature serves a request of `size`.
bool is_mapped_directly(size_t size);
// The same of a block that is resized.
bool stays_mapped_directly(size_t size);

}  // namespace hakmem
