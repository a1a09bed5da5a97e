// Owns: the choice between keeping the flag and taking it off; the next dlopen.
// Called by: see deepbind.h.
// Never: anything done in a privileged program, or in one whose blocks are all libc's.
#include "frontend/deepbind.h"

#include <dlfcn.h>
#include <sys/auxv.h>

#include <atomic>

#include "base/bits.h"
#include "frontend/configuration.h"
#include "frontend/libc_names.h"
#include "frontend/loaded_library.h"

namespace hakmem {
namespace {

constinit std::atomic<void*> next_dlopen{nullptr};
constinit std::atomic<void*> next_dlmopen{nullptr};

void* open_nothing() {
  return nullptr;
}

// The next in the loader's order, not libc's: another preloaded library may be waiting for its
// turn. dlsym is for a copy of us that lives in a namespace of its own.
void* find_next(std::atomic<void*>& kept, const char* name) {
  void* next = kept.load(std::memory_order_relaxed);
  if (HAKMEM_LIKELY(next != nullptr)) return next;
  next = LoadedLibrary::next_to_define(name);
  if (next == nullptr) next = dlsym(RTLD_NEXT, name);
  if (next == nullptr) next = reinterpret_cast<void*>(&open_nothing);
  kept.store(next, std::memory_order_relaxed);
  return next;
}

bool blocks_may_be_ours() {
  return configuration().has(Feature::pool) || configuration().has(Feature::mmap);
}

// The library's own scope comes before the global one, and libc is in it: its malloc would be
// libc's.
int flags_to_pass(int flags) {
  if (HAKMEM_LIKELY((flags & RTLD_DEEPBIND) == 0)) return flags;
  if (!blocks_may_be_ours() || getauxval(AT_SECURE) != 0) return flags;
  switch (configuration().deepbind) {
    case Deepbind::off:
      return flags;
    case Deepbind::redirect:
      if (lead_libc_names_here()) return flags;
      break;
    case Deepbind::strip:
      break;
  }
  return flags & ~RTLD_DEEPBIND;
}

}  // namespace

Opening hakmem_before_dlopen(int flags) {
  return {find_next(next_dlopen, "dlopen"), flags_to_pass(flags)};
}

// A new namespace has a libc of its own, and its libraries never see us.
Opening hakmem_before_dlmopen(long name_space, int flags) {
  return {find_next(next_dlmopen, "dlmopen"),
          name_space == LM_ID_BASE ? flags_to_pass(flags) : flags};
}

}  // namespace hakmem
