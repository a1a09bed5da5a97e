// Owns: `hakmem run --strict` and `--follow`: a program that is started as a child and watched from
// here.
// Called by: run.cc.
// Never: with --strict, a program that goes on after the report that hakmem does not serve it.
#pragma once

#include <string>

#include "cli/handshake.h"
#include "cli/run.h"

namespace hakmem::cli {

// Runs the request's command as a child, for a status of 125 needs somebody who outlives it.
// `obstacle`: what its file tells, or empty. Each program that the child executes has to say anew
// that hakmem serves it, and, with --follow, each that its descendants execute, where the kernel
// tells of that (ptrace(2)). Returns the child's exit status, or ends by the signal that ended it.
// Throws Failure.
int supervise(const RunRequest& request, const std::string& obstacle, const Handshake& handshake);

}  // namespace hakmem::cli
