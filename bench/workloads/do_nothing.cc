// Owns: see do_nothing.h.
// Called by: scenarios.
// Never: inlined into its caller; it lives in a library of its own.
#include "do_nothing.h"

static __thread void* kept __attribute__((tls_model("initial-exec")));

void* nothing_malloc(size_t) {
  return kept;
}
void nothing_free(void*) {}
void nothing_prepare(void* buffer) {
  kept = buffer;
}
