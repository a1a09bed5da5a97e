// Owns: blocks that are mapped and unmapped one by one (the mmap feature), and their registry.
// Called by: the slow paths of malloc and free.
// Never: initialised while the feature is off.
#pragma once

#include <cstddef>

namespace hakmem {

// nullptr when memory or address space is exhausted. `alignment` is a power of two. The memory
// reads as zeros.
void* map_directly(size_t bytes, size_t alignment);

// Unmaps the block that starts at `address`; false when there is none.
bool unmap_directly(void* address);

// The usable bytes of the block that starts at `address`; 0 when there is none.
size_t direct_map_bytes(const void* address);

void direct_maps_after_fork_in_child();

}  // namespace hakmem
