// Owns: how a block gets back to a slab of another thread.
// Called by: the slow half of free.
// Never: the owner's part of a slab touched.
#pragma once

#include "heap/span.h"

namespace hakmem {

// Hands `block` to the owner of `slab`. Lock-free; the first remote free since the owner last
// collected also puts the slab on its heap's list of pending slabs. If the heap is abandoned the
// caller collects for it, so that memory of threads that are gone does not stay behind.
void free_remotely(Span& slab, Block* block);

}  // namespace hakmem
