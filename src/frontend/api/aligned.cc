// Owns: the exported functions that take an alignment.
// Called by: the program.
// Never: an alignment accepted that its standard or man page refuses.
#include <errno.h>
#include <stdint.h>
#include <sys/auxv.h>

#include <cstddef>

#include "base/bits.h"
#include "frontend/api/export.h"
#include "frontend/dispatch/general.h"
#include "heap/slabs/size_class.h"

namespace {

using namespace hakmem;

size_t page_size() {
  return static_cast<size_t>(getauxval(AT_PAGESZ));
}

void* aligned_or_invalid(size_t alignment, size_t size, const void* site) {
  if (!is_power_of_two(alignment)) {
    errno = EINVAL;
    return nullptr;
  }
  return allocate_aligned_general(alignment, size, site);
}

}  // namespace

// posix_memalign(3p): returns the error; on failure leaves *result alone. As glibc's: ENOMEM stands
// in errno too.
HAKMEM_EXPORT int posix_memalign(void** result, size_t alignment, size_t size) {
  if (!is_power_of_two(alignment) || alignment % sizeof(void*) != 0) return EINVAL;
  const int saved = errno;
  void* block = allocate_aligned_general(alignment, size, HAKMEM_CALL_SITE);
  if (block == nullptr) return ENOMEM;
  errno = saved;
  *result = block;
  return 0;
}

HAKMEM_EXPORT void* aligned_alloc(size_t alignment, size_t size) {
  return aligned_or_invalid(alignment, size, HAKMEM_CALL_SITE);
}

// Alignment 0 means none, as in glibc.
HAKMEM_EXPORT void* memalign(size_t alignment, size_t size) {
  return aligned_or_invalid(alignment == 0 ? kMinimumBlock : alignment, size, HAKMEM_CALL_SITE);
}

HAKMEM_EXPORT void* valloc(size_t size) {
  return allocate_aligned_general(page_size(), size, HAKMEM_CALL_SITE);
}

// Rounds the size up to whole pages.
HAKMEM_EXPORT void* pvalloc(size_t size) {
  const size_t rounded = round_up(size, page_size());
  if (rounded < size) {
    errno = ENOMEM;
    return nullptr;
  }
  return allocate_aligned_general(page_size(), rounded, HAKMEM_CALL_SITE);
}

HAKMEM_EXPORT void* __libc_memalign(size_t, size_t) HAKMEM_ALIAS(memalign);
HAKMEM_EXPORT void* __libc_valloc(size_t) HAKMEM_ALIAS(valloc);
HAKMEM_EXPORT void* __libc_pvalloc(size_t) HAKMEM_ALIAS(pvalloc);
HAKMEM_EXPORT int __posix_memalign(void**, size_t, size_t) HAKMEM_ALIAS(posix_memalign);
