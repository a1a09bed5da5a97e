// Owns: the order of a run: prepare, have somebody listen, become the program.
// Called by: see run.h.
// Never: the program begun with less than the user asked for.
//
//   run_program
//     obstacle_to_preload   what the file itself tells: static, privileged, foreign
//     Handshake             the socket that the library in the program connects to
//     Watcher               a process apart: hears, and prints the one line
//     execute               this process is the program now
//   or, where hakmem is a condition, or descendants count,
//     supervise             a child, watched and ended from here
#include "cli/run.h"

#include <fmt/format.h>
#include <unistd.h>

#include "cli/execute.h"
#include "cli/exit_status.h"
#include "cli/handshake.h"
#include "cli/library.h"
#include "cli/program.h"
#include "cli/report.h"
#include "cli/statistics_file.h"
#include "cli/supervision.h"
#include "cli/watcher.h"

namespace hakmem::cli {
int run_program(const RunRequest& request) {
  if (request.command.empty()) throw Failure{kLauncherFailed, "no command to run"};
  const std::string& name = request.command.front();
  const std::string library = find_library(request.settings.library);
  const std::string file = find_program(name);
  const Obstacle obstacle = obstacle_to_preload(file);
  const bool is_static = obstacle.kind == ObstacleKind::linked_statically;
  if (request.strict && obstacle.exists() && !is_static) {
    throw Failure{kLauncherFailed,
                  fmt::format("{} does not allocate from hakmem: {}", name, obstacle.reason)};
  }
  const std::string& mode = request.settings.mode;
  if (!request.quiet && (mode == "learning" || mode == "research")) {
    say(fmt::format("this version does not learn yet: {} runs as balanced", mode));
  }
  export_settings(request.settings);
  if (request.statistics_file) export_statistics_file(*request.statistics_file);
  if (obstacle.kind != ObstacleKind::other_loader) preload(library);
  const Handshake handshake;
  if (request.strict || request.follow) return supervise(request, obstacle.reason, handshake);

  Report report(name, getpid(), obstacle.reason, request.quiet);
  // Said before the program says anything: it may have ended by the time that silence counts.
  if (obstacle.exists() && access(file.c_str(), X_OK) == 0) report.silence();
  const Watcher watcher(handshake, report);
  handshake.invite(getpid());
  const int error = execute(request.command);
  watcher.dismiss();
  throw cannot_execute(request.command, error);
}

}  // namespace hakmem::cli
