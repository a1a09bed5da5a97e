// Owns: finding libc's functions.
// Called by: see libc_malloc.h.
// Never: a partial table published.
#include "frontend/libc_malloc.h"

#include <dlfcn.h>

namespace hakmem {
namespace {

constinit LibcMalloc functions{};
constinit bool resolved = false;

template <class Function>
bool resolve(void* libc, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(libc, name));
  return function != nullptr;
}

}  // namespace

bool resolve_libc_malloc() {
  void* libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
  if (libc == nullptr) return false;
  resolved = resolve(libc, "malloc", functions.malloc) && resolve(libc, "free", functions.free) &&
             resolve(libc, "calloc", functions.calloc) &&
             resolve(libc, "realloc", functions.realloc) &&
             resolve(libc, "memalign", functions.memalign) &&
             resolve(libc, "malloc_usable_size", functions.malloc_usable_size) &&
             resolve(libc, "malloc_trim", functions.malloc_trim);
  return resolved;
}

const LibcMalloc* libc_malloc() {
  return resolved ? &functions : nullptr;
}

}  // namespace hakmem
