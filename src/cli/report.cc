// Owns: the sentences.
// Called by: see report.h.
// Never: stdio, whose errors come late.
#include "cli/report.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <exception>

namespace hakmem::cli {

void say(std::string_view message) noexcept {
  try {
    const std::string line = fmt::format("hakmem: {}\n", message);
    // A pipe without a reader costs the line, not the process.
    const auto before = std::signal(SIGPIPE, SIG_IGN);
    std::string_view rest = line;
    while (!rest.empty()) {
      const ssize_t written = write(STDERR_FILENO, rest.data(), rest.size());
      if (written < 0 && errno != EINTR) break;
      if (written > 0) rest.remove_prefix(static_cast<size_t>(written));
    }
    std::signal(SIGPIPE, before);
  } catch (const std::exception&) {
    // No memory for a line.
  }
}

Report::Report(std::string name, pid_t process, std::string obstacle, bool quiet)
    : name_(std::move(name)), process_(process), obstacle_(std::move(obstacle)), quiet_(quiet) {}

bool Report::hear(const Greeting& greeting) {
  make(greeting.ours
           ? fmt::format("allocates from {}", greeting.text)
           : fmt::format("does not allocate from hakmem: its malloc is that of {}", greeting.text),
       greeting.ours);
  return greeting.ours;
}

void Report::silence() {
  make(fmt::format("does not allocate from hakmem: {}",
                   obstacle_.empty() ? "the library was not loaded" : obstacle_),
       false);
}

void Report::make(const std::string& sentence, bool well) {
  if (sentence == last_) return;
  last_ = sentence;
  if (well && quiet_) return;
  say(fmt::format("{} (process {}) {}", name_, process_, sentence));
}

}  // namespace hakmem::cli
