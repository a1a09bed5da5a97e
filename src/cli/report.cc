// Owns: the sentences.
// Called by: see report.h.
// Never: stdio, whose errors come late.
#include "cli/report.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "cli/exit_status.h"

namespace hakmem::cli {
namespace {

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(descriptor, text.data(), text.size());
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace

void say(std::string_view message) noexcept {
  try {
    const std::string line = fmt::format("hakmem: {}\n", message);
    // A pipe without a reader costs the line, not the process.
    const auto before = std::signal(SIGPIPE, SIG_IGN);
    write_all(STDERR_FILENO, line);
    std::signal(SIGPIPE, before);
  } catch (const std::exception&) {
    // No memory for a line.
  }
}

int print(std::string_view answer) {
  if (write_all(STDOUT_FILENO, answer)) return EXIT_SUCCESS;
  throw Failure{EXIT_FAILURE, fmt::format("cannot write to standard output: {}", strerror(errno))};
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

void Report::begin_anew(const std::string& name, std::string obstacle) {
  name_ = name;
  obstacle_ = std::move(obstacle);
  made_ = false;
}

void Report::silence() {
  make(fmt::format("does not allocate from hakmem: {}",
                   obstacle_.empty() ? "the library was not loaded" : obstacle_),
       false);
}

void Report::make(const std::string& sentence, bool well) {
  made_ = true;
  if (sentence == last_) return;
  last_ = sentence;
  if (well && (quiet_ || (names_ != nullptr && !names_->insert(name_).second))) return;
  say(fmt::format("{} (process {}) {}", name_, process_, sentence));
}

}  // namespace hakmem::cli
