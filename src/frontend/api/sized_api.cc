// Owns: hakmem_allocate and hakmem_deallocate.
// Called by: programs that know us; the C++ memory resource and allocator.
// Never: an alignment accepted that is not a power of two.
#include <errno.h>

#include <algorithm>

#include "base/bits.h"
#include "frontend/api/export.h"
#include "frontend/dispatch/general.h"
#include "hakmem/hakmem.h"
#include "heap/blocks/fast_path.h"

using namespace hakmem;

HAKMEM_EXPORT void* hakmem_allocate(size_t size, size_t alignment) {
  if (HAKMEM_LIKELY(size <= kDirectLimit && alignment <= kMinimumBlock &&
                    (alignment & (alignment - 1)) == 0)) {
    void* block = try_allocate_small(size);
    return HAKMEM_LIKELY(block != nullptr) ? block : allocate_general(size, HAKMEM_CALL_SITE);
  }
  if (alignment != 0 && !is_power_of_two(alignment)) {
    errno = EINVAL;
    return nullptr;
  }
  return allocate_aligned_general(std::max(alignment, kMinimumBlock), size, HAKMEM_CALL_SITE);
}

HAKMEM_EXPORT void hakmem_deallocate(void* block, size_t size, size_t) {
  if (HAKMEM_LIKELY(try_free_local(block))) return;
  free_sized_general(block, size, {"hakmem_deallocate", HAKMEM_CALL_SITE});
}
