// Owns: the order of a run: prepare, start, hear from the library, wait.
// Called by: see run.h.
// Never: a verdict guessed: it comes from the library, or from its silence.
//
//   run_program
//     obstacle_to_preload   what the file itself tells: static, privileged, foreign
//     Child                 fork, exec, signals passed on
//     Handshake             a datagram of the library in the program
//     report                the one line
#include "cli/run.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "cli/child.h"
#include "cli/exit_status.h"
#include "cli/handshake.h"
#include "cli/library.h"
#include "cli/program.h"

namespace hakmem::cli {
namespace {

using Clock = std::chrono::steady_clock;

// A constructor runs within milliseconds; a loaded machine gets more.
constexpr std::chrono::seconds kPatience{3};

void export_statistics_file(const std::string& file) {
  if (file.empty()) return;
  const std::string path = std::filesystem::absolute(file);
  if (path.find('%') == std::string::npos) {
    const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor < 0) {
      throw Failure{kLauncherFailed, fmt::format("cannot write {}: {}", file, strerror(errno))};
    }
    close(descriptor);
  }
  setenv("HAKMEM_STATS", "on", 1);
  setenv("HAKMEM_STATS_FILE", path.c_str(), 1);
}

struct Verdict {
  bool verified = false;
  std::string sentence;
};

Verdict verdict_of(const Greeting& greeting) {
  if (greeting.ours) return {true, fmt::format("allocates from {}", greeting.text)};
  return {false,
          fmt::format("does not allocate from hakmem: its malloc is that of {}", greeting.text)};
}

}  // namespace

int run_program(const RunRequest& request) {
  if (request.command.empty()) throw Failure{kLauncherFailed, "no command to run"};
  const std::string& name = request.command.front();
  const std::string library = find_library(request.settings.library);
  const std::string obstacle = obstacle_to_preload(find_program(name));
  if (request.strict && !obstacle.empty()) {
    throw Failure{kLauncherFailed,
                  fmt::format("{} does not allocate from hakmem: {}", name, obstacle)};
  }
  export_settings(request.settings);
  export_statistics_file(request.statistics_file);
  preload(library);
  Handshake handshake;

  Child child(request.command);
  const auto report = [&](const Verdict& verdict) {
    if (verdict.verified && request.quiet) return;
    fmt::print(stderr, "hakmem: {} (process {}) {}\n", name, child.process(), verdict.sentence);
  };
  const auto silence = [&] {
    return Verdict{false, fmt::format("does not allocate from hakmem: {}",
                                      obstacle.empty() ? "the library was not loaded" : obstacle)};
  };

  const auto deadline = Clock::now() + kPatience;
  Verdict verdict;
  bool reported = false;
  bool refused = false;
  while (true) {
    const bool waiting = !reported && Clock::now() < deadline;
    const bool ended = child.wait(handshake.descriptor(),
                                  waiting ? deadline - Clock::now() : Clock::duration::max());
    // The program may execute another: the last word counts.
    while (const auto greeting = handshake.receive(child.process())) {
      const Verdict heard = verdict_of(*greeting);
      if (reported && heard.sentence == verdict.sentence) continue;
      verdict = heard;
      reported = true;
      report(verdict);
    }
    if (!reported && (ended || Clock::now() >= deadline)) {
      verdict = silence();
      reported = true;
      report(verdict);
    }
    if (request.strict && reported && !verdict.verified && !refused) {
      refused = true;
      if (!ended) child.send(SIGTERM);
    }
    if (ended) break;
  }
  if (refused) return kLauncherFailed;
  return child.pass_on_exit();
}

}  // namespace hakmem::cli
