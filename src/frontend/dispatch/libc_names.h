// Owns: where libc's symbol table leads for malloc and its siblings.
// Called by: deepbind.cc; the fork handlers.
// Never: before libc_malloc() knows libc's own functions; in a program that libc serves.
#pragma once

namespace hakmem {

// From now on whoever finds one of libc's names of malloc(3) finds our function. Once; cheap when
// done. False where the table cannot be written; then nothing has changed.
bool lead_libc_names_here();

void libc_names_after_fork_in_child();

}  // namespace hakmem
