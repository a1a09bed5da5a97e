// Owns: the choice between keeping the flag and taking it off; the next dlopen.
// Called by: see deepbind.h.
// Never: anything done in a privileged program, or in one whose blocks are all libc's.
#include "frontend/dispatch/deepbind.h"

#include <dlfcn.h>
#include <sys/auxv.h>

#include "base/bits.h"
#include "frontend/dispatch/libc_names.h"
#include "frontend/dispatch/next_function.h"
#include "settings/configuration.h"

namespace hakmem {
namespace {

constinit NextFunction next_dlopen("dlopen");
constinit NextFunction next_dlmopen("dlmopen");

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
  return {next_dlopen.address(), flags_to_pass(flags)};
}

// A new namespace has a libc of its own, and its libraries never see us.
Opening hakmem_before_dlmopen(long name_space, int flags) {
  return {next_dlmopen.address(), name_space == LM_ID_BASE ? flags_to_pass(flags) : flags};
}

}  // namespace hakmem
