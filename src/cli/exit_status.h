// Owns: the exit statuses of the command itself, as env(1) has them, and an error with one.
// Called by: all of cli.
// Never: used for what the user's program returns.
#pragma once

#include <string>

namespace hakmem::cli {

inline constexpr int kBadArgument = 2;
inline constexpr int kLauncherFailed = 125;
inline constexpr int kCannotRun = 126;
inline constexpr int kNotFound = 127;

struct Failure {
  int status;
  std::string message;
};

}  // namespace hakmem::cli
