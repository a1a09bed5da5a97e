// Owns: memory for allocations in minimal mode before libc's functions are known (constructors of
// libraries and IFUNC resolvers that run before ours).
// Called by: the slow half of malloc.
// Never: reused; it is small and its users keep it.
#pragma once

#include <cstddef>

namespace hakmem {

// nullptr when the few kilobytes are used up. Zeroed.
void* allocate_early(size_t size, size_t alignment);
bool is_early_memory(const void* address);
size_t early_memory_size(const void* address);

}  // namespace hakmem
