// Owns: the wait for the verdict and the end that follows from it.
// Called by: see strict.h.
// Never: the program's main begun after the library has said no.
#include "cli/strict.h"

#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <filesystem>

#include "cli/child.h"
#include "cli/exit_status.h"
#include "cli/program.h"
#include "cli/report.h"

namespace hakmem::cli {
namespace {

using Clock = std::chrono::steady_clock;

// What the child has become.
void begin_anew(Report& report, pid_t process) {
  const std::string file = fmt::format("/proc/{}/exe", process);
  std::error_code unreadable;
  const std::string name = std::filesystem::read_symlink(file, unreadable).filename();
  report.begin_anew(name, obstacle_to_preload(file).reason);
}

}  // namespace

int run_strictly(const std::vector<std::string>& command, const std::string& obstacle,
                 const Handshake& handshake, bool quiet) {
  Child child(command, handshake);
  Report report(command.front(), child.process(), obstacle, quiet);
  unsigned programs = 1;
  auto deadline = Clock::now() + kPatience;
  bool refused = false;
  while (true) {
    const bool waiting = refused || !report.made();
    const bool ended = child.wait(handshake.descriptor(),
                                  waiting ? deadline - Clock::now() : Clock::duration::max());
    // A new program greets after it is let go on. The last word counts.
    if (child.programs() > programs) {
      programs = child.programs();
      if (!refused) {
        begin_anew(report, child.process());
        deadline = Clock::now() + kPatience;
      }
    }
    // It waits for the greeting's end.
    while (const auto greeting = handshake.receive(child.process())) {
      if (report.hear(*greeting)) continue;
      refused = true;
      child.send(SIGKILL);
    }
    const bool late = Clock::now() >= deadline;
    if (!refused && !report.made() && (ended || late)) {
      report.silence();
      refused = true;
      if (!ended) child.send(SIGTERM);
      deadline = Clock::now() + kPatience;
    } else if (refused && late && !ended) {
      child.send(SIGKILL);
      deadline = Clock::now() + kPatience;
    }
    if (ended) break;
  }
  return refused ? kLauncherFailed : child.pass_on_exit();
}

}  // namespace hakmem::cli
