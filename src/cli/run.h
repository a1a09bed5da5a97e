// Owns: `hakmem run`.
// Called by: main.cc.
// Never: the program's exit status or a signal swallowed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/settings.h"

namespace hakmem::cli {

struct RunRequest {
  Settings settings;
  std::optional<std::string> statistics_file;
  bool strict = false;
  bool follow = false;
  bool quiet = false;
  std::vector<std::string> command;
};

// Becomes the command, with the library preloaded and a watcher left that says whether it allocates
// from it. Strict or followed: returns its exit status, or ends by the signal that ended it. Throws
// Failure.
int run_program(const RunRequest& request);

}  // namespace hakmem::cli
