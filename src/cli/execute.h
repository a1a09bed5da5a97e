// Owns: the step from a list of words to exec.
// Called by: run.cc in its own process, child.cc in the child's.
// Never: a return after success.
#pragma once

#include <string>
#include <vector>

#include "cli/exit_status.h"

namespace hakmem::cli {

// As execvp(3); returns errno.
int execute(const std::vector<std::string>& command);

// What to tell the user of it, with the status that env(1) has: 126 or 127.
Failure cannot_execute(const std::vector<std::string>& command, int error);

}  // namespace hakmem::cli
