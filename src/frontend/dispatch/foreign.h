// Owns: pointers that are in none of our regions: direct maps, libc's blocks, and misuse.
// Called by: the slow halves of free, realloc and malloc_usable_size.
// Never: a pointer handed to libc that cannot be libc's.
#pragma once

#include <cstddef>

#include "frontend/api/call.h"

namespace hakmem {

// Each takes the name of the exported function for its message; misuse aborts.
void free_foreign(void* address, const char* function);
size_t foreign_usable_size(void* address, const char* function);
void* reallocate_foreign(void* address, size_t size, const Call& call);

}  // namespace hakmem
