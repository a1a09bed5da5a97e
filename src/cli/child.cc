// Owns: fork, exec and wait.
// Called by: see child.h.
// Never: a signal of the terminal sent twice: the kernel gives it to the whole foreground group.
#include "cli/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "cli/exit_status.h"

namespace hakmem::cli {
namespace {

constexpr int kPassedOn[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,  SIGUSR1,
                             SIGUSR2, SIGALRM, SIGPIPE, SIGWINCH, SIGCONT};

}  // namespace

Child::Child(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& argument : command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);

  sigset_t watched;
  sigemptyset(&watched);
  sigaddset(&watched, SIGCHLD);
  for (const int signal : kPassedOn) sigaddset(&watched, signal);
  sigprocmask(SIG_BLOCK, &watched, &mask_before_);
  signals_ = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);

  // Closed by a successful exec; carries errno otherwise.
  int failure[2];
  if (signals_ < 0 || pipe2(failure, O_CLOEXEC) != 0 || (process_ = fork()) < 0) {
    throw Failure{kLauncherFailed, fmt::format("cannot start a process: {}", strerror(errno))};
  }
  if (process_ == 0) {
    sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
    execvp(arguments[0], arguments.data());
    const int error = errno;
    _exit(write(failure[1], &error, sizeof error) > 0 ? kCannotRun : kLauncherFailed);
  }
  close(failure[1]);
  int error = 0;
  const bool failed = read(failure[0], &error, sizeof error) == sizeof error;
  close(failure[0]);
  if (failed) {
    waitpid(process_, nullptr, 0);
    sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
    throw Failure{error == ENOENT ? kNotFound : kCannotRun,
                  fmt::format("{}: {}", command.front(), strerror(error))};
  }
}

Child::~Child() {
  close(signals_);
}

bool Child::wait(int descriptor, std::chrono::steady_clock::duration time) {
  using std::chrono::milliseconds;
  const auto left = std::chrono::duration_cast<milliseconds>(time).count() + 1;
  const int timeout = time == std::chrono::steady_clock::duration::max()
                          ? -1
                          : static_cast<int>(std::max(left, decltype(left){0}));
  pollfd sources[] = {{signals_, POLLIN, 0}, {descriptor, POLLIN, 0}};
  poll(sources, 2, timeout);
  return take_signals();
}

bool Child::take_signals() {
  bool ended = false;
  signalfd_siginfo signal;
  while (read(signals_, &signal, sizeof signal) == sizeof signal) {
    if (signal.ssi_signo == SIGCHLD) {
      ended = ended || waitpid(process_, &status_, WNOHANG) == process_;
    } else if (signal.ssi_code != SI_KERNEL) {
      send(static_cast<int>(signal.ssi_signo));
    }
  }
  return ended;
}

int Child::pass_on_exit() const {
  if (WIFEXITED(status_)) return WEXITSTATUS(status_);
  const int signal = WTERMSIG(status_);
  // The program has left its core; this process shall not.
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  std::signal(signal, SIG_DFL);
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, signal);
  sigprocmask(SIG_UNBLOCK, &only, nullptr);
  raise(signal);
  return 128 + signal;
}

}  // namespace hakmem::cli
