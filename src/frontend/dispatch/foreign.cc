// Owns: the decision whose a foreign pointer is.
// Called by: see foreign.h.
// Never: a read of memory that may not be mapped.
#include "frontend/dispatch/foreign.h"

#include <dlfcn.h>
#include <errno.h>

#include "base/log.h"
#include "frontend/dispatch/direct_maps.h"
#include "frontend/dispatch/early_memory.h"
#include "frontend/dispatch/general.h"
#include "frontend/dispatch/libc_malloc.h"
#include "heap/pages/page_heap.h"
#include "settings/configuration.h"
#include "telemetry/counters.h"

namespace hakmem {
namespace {

constexpr uintptr_t kLowestAddress = 64 << 10;
// Addresses of user space end at bit 56 at most (five-level page tables, aarch64 with 52 bits).
constexpr uintptr_t kAddressEnd = uintptr_t{1} << 56;
constexpr uintptr_t kNearStack = 1 << 20;

const char* why_not_libcs(void* address) {
  const auto value = reinterpret_cast<uintptr_t>(address);
  if (value % 16 != 0) return "invalid pointer, misaligned:";
  if (value < kLowestAddress || value >= kAddressEnd) return "invalid pointer, not an address:";
  // Where libc's allocator serves the program, libc decides about everything else.
  if (!configuration().has(Feature::pool)) return nullptr;
  if (!page_heap.backend().is_mapped(address)) return "invalid pointer, nothing is mapped there:";
  const auto frame = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  if (value - frame < kNearStack) return "invalid pointer, on the stack:";
  Dl_info information;
  if (dladdr(address, &information) != 0) return "invalid pointer, static memory of a program:";
  return nullptr;
}

const LibcMalloc& libc_for(void* address, const char* function) {
  const char* why = why_not_libcs(address);
  const auto value = reinterpret_cast<uintptr_t>(address);
  if (why != nullptr) fatal(function, why, value);
  if (libc_malloc() == nullptr) fatal(function, "invalid pointer, not from this allocator:", value);
  return *libc_malloc();
}

}  // namespace

void free_foreign(void* address, const char* function) {
  if (is_early_memory(address) || unmap_directly(address)) return;
  const int saved = errno;
  const LibcMalloc& libc = libc_for(address, function);
  if (configuration().has(Feature::pool)) count(counters.foreign_frees);
  libc.free(address);
  errno = saved;
}

size_t foreign_usable_size(void* address, const char* function) {
  if (is_early_memory(address)) return early_memory_size(address);
  const size_t mapped = direct_map_bytes(address);
  return mapped != 0 ? mapped : libc_for(address, function).malloc_usable_size(address);
}

void* reallocate_foreign(void* address, size_t size, const Call& call) {
  size_t usable = is_early_memory(address) ? early_memory_size(address) : direct_map_bytes(address);
  if (usable == 0) {
    const LibcMalloc& libc = libc_for(address, call.function);
    if (!configuration().has(Feature::pool) && !is_mapped_directly(size)) {
      return libc.realloc(address, size);
    }
    usable = libc.malloc_usable_size(address);
  } else if (size <= usable && size > usable / 2) {
    return address;
  } else if (!is_early_memory(address) && stays_mapped_directly(size)) {
    if (void* resized = remap_directly(address, size)) return resized;
  }
  return move_block(address, usable, size, call);
}

}  // namespace hakmem
