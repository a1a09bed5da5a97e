// Owns: the wait for the verdicts and the end that follows from them.
// Called by: see supervision.h.
// Never: a program's main begun after its library has said no to --strict.
#include "cli/supervision.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "cli/child.h"
#include "cli/exit_status.h"
#include "cli/program.h"
#include "cli/report.h"

namespace hakmem::cli {
namespace {

using Clock = std::chrono::steady_clock;

// A program that is to say who serves it.
struct Program {
  Report report;
  Clock::time_point deadline = Clock::now() + kPatience;
};

class Supervision {
 public:
  Supervision(const RunRequest& request, const std::string& obstacle, const Handshake& handshake)
      : strict_(request.strict),
        quiet_(request.quiet),
        follows_(request.follow),
        handshake_(handshake),
        child_(request.command, handshake,
               request.follow ? Tracing::descendants : Tracing::itself) {
    if (follows_ && !child_.is_traced()) {
      child_.send(SIGKILL);
      throw Failure{kLauncherFailed, "cannot follow: the kernel or a filter refuses ptrace(2)"};
    }
    add(child_.process(), request.command.front(), obstacle);
  }

  // Until the child's end.
  int watch() {
    bool ended = false;
    while (!ended) {
      for (const Child::Event& event : child_.wait(handshake_.descriptor(), patience())) {
        if (event.what == Child::Event::kEnded) {
          forget(event.process);
          ended = ended || event.process == child_.process();
        } else if (!refused_) {
          executed(event.process);
        }
      }
      hear();
      if (!ended) mind_the_late();
    }
    return refused_ ? kLauncherFailed : child_.pass_on_exit();
  }

 private:
  void add(pid_t process, const std::string& name, const std::string& obstacle) {
    Report report(name, process, obstacle, quiet_);
    if (follows_) report.once_for_each(names_);
    programs_.insert_or_assign(process, Program{std::move(report)});
  }

  // It greets after it is let go on.
  void executed(pid_t process) {
    const std::string file = fmt::format("/proc/{}/exe", process);
    std::error_code unreadable;
    const std::string name = std::filesystem::read_symlink(file, unreadable).filename();
    add(process, name.empty() ? "a program" : name, obstacle_to_preload(file).reason);
  }

  // The program is over: what it has not said it will not say.
  void forget(pid_t process) {
    const auto found = programs_.find(process);
    if (found == programs_.end()) return;
    if (!refused_ && !found->second.report.made()) silence(found->second.report);
    programs_.erase(found);
  }

  void hear() {
    while (const auto greeting = handshake_.receive()) {
      const auto found = programs_.find(greeting->process);
      if (found == programs_.end()) continue;
      if (found->second.report.hear(*greeting) || !strict_) continue;
      // It waits for the greeting's end.
      refused_ = true;
      end_by(SIGKILL);
    }
  }

  void silence(Report& report) {
    report.silence();
    if (!strict_) return;
    refused_ = true;
    end_by(SIGTERM);
  }

  void mind_the_late() {
    const auto now = Clock::now();
    if (refused_) {
      if (now >= last_chance_) end_by(SIGKILL);
      return;
    }
    for (auto& [process, program] : programs_) {
      if (refused_ || program.report.made() || now < program.deadline) continue;
      silence(program.report);
    }
  }

  void end_by(int signal) {
    child_.send_to_all(signal);
    last_chance_ = Clock::now() + kPatience;
  }

  Clock::duration patience() const {
    if (refused_) return last_chance_ - Clock::now();
    auto next = Clock::time_point::max();
    for (const auto& [process, program] : programs_) {
      if (!program.report.made()) next = std::min(next, program.deadline);
    }
    return next == Clock::time_point::max() ? Clock::duration::max() : next - Clock::now();
  }

  const bool strict_;
  const bool quiet_;
  const bool follows_;
  const Handshake& handshake_;
  Child child_;
  std::map<pid_t, Program> programs_;
  std::set<std::string> names_;
  bool refused_ = false;
  Clock::time_point last_chance_;
};

}  // namespace

int supervise(const RunRequest& request, const std::string& obstacle, const Handshake& handshake) {
  return Supervision(request, obstacle, handshake).watch();
}

}  // namespace hakmem::cli
