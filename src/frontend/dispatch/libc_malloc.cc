// Owns: finding libc's functions.
// Called by: see libc_malloc.h.
// Never: a partial table published.
#include "frontend/dispatch/libc_malloc.h"

#include <atomic>

#include "frontend/dispatch/loaded_library.h"

namespace hakmem {
namespace {

constinit LibcMalloc functions{};
constinit std::atomic<bool> resolved{false};

template <class Function>
bool resolve(const LoadedLibrary& libc, const char* name, Function& function) {
  function = reinterpret_cast<Function>(libc.find(name));
  return function != nullptr;
}

// Two threads may both do this: they write the same values.
bool resolve_all() {
  LoadedLibrary libc;
  return libc.open("libc.so.6") && resolve(libc, "malloc", functions.malloc) &&
         resolve(libc, "free", functions.free) && resolve(libc, "calloc", functions.calloc) &&
         resolve(libc, "realloc", functions.realloc) &&
         resolve(libc, "memalign", functions.memalign) &&
         resolve(libc, "malloc_usable_size", functions.malloc_usable_size) &&
         resolve(libc, "malloc_trim", functions.malloc_trim) &&
         resolve(libc, "mallopt", functions.mallopt) &&
         resolve(libc, "malloc_info", functions.malloc_info) &&
         resolve(libc, "malloc_stats", functions.malloc_stats) &&
         (resolve(libc, "mallinfo2", functions.mallinfo2) || true);
}

}  // namespace

const LibcMalloc* libc_malloc() {
  if (!resolved.load(std::memory_order_acquire)) {
    if (!resolve_all()) return nullptr;
    resolved.store(true, std::memory_order_release);
  }
  return &functions;
}

}  // namespace hakmem
