// Owns: blocks with a mapping of their own (the mmap feature, blocks that grow large).
// Called by: the slow paths of malloc and free.
// Never: a page before there is such a block.
#pragma once

#include <cstddef>

namespace hakmem {

// nullptr when memory or address space is exhausted. `alignment` is a power of two. The memory
// reads as zeros.
void* map_directly(size_t bytes, size_t alignment);

// For a block that grows: nothing else moves it but its own resizing, and its pages are huge where
// those pay.
void* map_growing(size_t bytes);

// Resizes the block that starts at `address`, a direct map, with its page tables; nullptr where the
// kernel does not: nothing has happened.
void* remap_directly(void* address, size_t bytes);

// Unmaps the block that starts at `address`; false when there is none.
bool unmap_directly(void* address);

// The usable bytes of the block that starts at `address`; 0 when there is none.
size_t direct_map_bytes(const void* address);

struct DirectMaps {
  size_t count;
  size_t bytes;
};
DirectMaps direct_maps_in_use();

void direct_maps_after_fork_in_child();

}  // namespace hakmem
