// Owns: see next_function.h.
// Called by: see next_function.h.
// Never: see next_function.h.
#include "frontend/dispatch/next_function.h"

#include <dlfcn.h>

#include "frontend/dispatch/loaded_library.h"

namespace hakmem {
namespace {

long do_nothing() {
  return 0;
}

}  // namespace

void* NextFunction::find() {
  void* next = LoadedLibrary::next_to_define(name_);
  // For a copy of us that lives in a namespace of its own.
  if (next == nullptr) next = dlsym(RTLD_NEXT, name_);
  if (next == nullptr) next = reinterpret_cast<void*>(&do_nothing);
  address_.store(next, std::memory_order_relaxed);
  return next;
}

}  // namespace hakmem
