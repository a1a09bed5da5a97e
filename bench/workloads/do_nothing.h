// Owns: an allocator that does nothing, for the line that all others are compared with.
// Called by: scenarios run with --allocator nothing.
// Never: more than a return.
#pragma once

#include <cstddef>

extern "C" {
// The same kept buffer of the calling thread for every size up to kNothingBytes.
void* nothing_malloc(size_t size);
void nothing_free(void* address);
// Gives the calling thread its buffer; touch its pages before timing.
void nothing_prepare(void* buffer);
}
