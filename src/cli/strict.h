// Owns: `hakmem run --strict`: a program that runs on hakmem or not at all.
// Called by: run.cc.
// Never: a program that goes on after the report that hakmem does not serve it.
#pragma once

#include <string>
#include <vector>

#include "cli/handshake.h"

namespace hakmem::cli {

// Runs the command as a child, for a status of 125 needs somebody who outlives it. `obstacle`: what
// its file tells, or empty. Each program that the child executes has to say anew that hakmem serves
// it, where the kernel tells of that (ptrace(2)). Returns its exit status, or ends by the signal
// that ended it. Throws Failure.
int run_strictly(const std::vector<std::string>& command, const std::string& obstacle,
                 const Handshake& handshake, bool quiet);

}  // namespace hakmem::cli
