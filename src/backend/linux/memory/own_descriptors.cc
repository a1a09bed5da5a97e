// Owns: the thread's flag.
// Called by: see own_descriptors.h.
// Never: see own_descriptors.h.
#include "backend/linux/memory/own_descriptors.h"

namespace hakmem {
namespace {

__thread bool own_descriptors __attribute__((tls_model("initial-exec"))) = false;

}  // namespace

bool has_own_descriptors() {
  return own_descriptors;
}

void set_own_descriptors(bool has) {
  own_descriptors = has;
}

}  // namespace hakmem
