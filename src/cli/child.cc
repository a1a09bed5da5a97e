// Owns: fork, exec and wait.
// Called by: see child.h.
// Never: a signal of the terminal sent twice: the kernel gives it to the whole foreground group.
#include "cli/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "cli/execute.h"
#include "cli/exit_status.h"

namespace hakmem::cli {
namespace {

// All that a user may send and that does not end or stop this process unheard. Those that tell of a
// mistake in this very process are not among them.
constexpr int kPassedOn[] = {SIGHUP,  SIGINT,  SIGQUIT,   SIGTERM, SIGUSR1,  SIGUSR2,
                             SIGALRM, SIGPIPE, SIGWINCH,  SIGCONT, SIGTSTP,  SIGABRT,
                             SIGPWR,  SIGIO,   SIGVTALRM, SIGPROF, SIGSTKFLT};

sigset_t watched_signals() {
  sigset_t watched;
  sigemptyset(&watched);
  sigaddset(&watched, SIGCHLD);
  for (const int signal : kPassedOn) sigaddset(&watched, signal);
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) sigaddset(&watched, signal);
  return watched;
}

}  // namespace

Child::Child(const std::vector<std::string>& command, const Handshake& handshake, Tracing tracing) {
  const sigset_t watched = watched_signals();
  sigprocmask(SIG_BLOCK, &watched, &mask_before_);
  // Ignored, it would not be sent, and there would be no status to wait for.
  const auto at_child_before = std::signal(SIGCHLD, SIG_DFL);
  signals_ = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);

  // Closed by a successful exec; carries errno otherwise.
  int failure[2];
  int start[2];
  const pid_t launcher = getpid();
  if (signals_ < 0 || pipe2(failure, O_CLOEXEC) != 0 || pipe2(start, O_CLOEXEC) != 0 ||
      (process_ = fork()) < 0) {
    throw Failure{kLauncherFailed, fmt::format("cannot start a process: {}", strerror(errno))};
  }
  if (process_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != launcher) _exit(kLauncherFailed);
    // Until the end of the pipe: then it is traced, or will not be.
    close(start[1]);
    char nothing;
    while (read(start[0], &nothing, 1) < 0 && errno == EINTR) {
    }
    handshake.invite(tracing == Tracing::descendants ? kAnyProcess : getpid());
    std::signal(SIGCHLD, at_child_before);
    sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
    const int error = execute(command);
    _exit(write(failure[1], &error, sizeof error) > 0 ? kCannotRun : kLauncherFailed);
  }
  close(failure[1]);
  trace(tracing);
  close(start[0]);
  close(start[1]);
  int error = 0;
  const bool failed = read(failure[0], &error, sizeof error) == sizeof error;
  close(failure[0]);
  if (failed) {
    waitpid(process_, nullptr, 0);
    sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
    throw cannot_execute(command, error);
  }
}

Child::~Child() {
  close(signals_);
}

void Child::send_to_all(int signal) const {
  send(signal);
  for (const pid_t process : descendants_) kill(process, signal);
}

std::vector<Child::Event> Child::wait(int descriptor, std::chrono::steady_clock::duration time) {
  using std::chrono::milliseconds;
  const auto left = std::chrono::duration_cast<milliseconds>(time).count() + 1;
  const int timeout = time == std::chrono::steady_clock::duration::max()
                          ? -1
                          : static_cast<int>(std::max(left, decltype(left){0}));
  pollfd sources[] = {{signals_, POLLIN, 0}, {descriptor, POLLIN, 0}};
  poll(sources, 2, timeout);
  std::vector<Event> events;
  take_signals(events);
  return events;
}

void Child::take_signals(std::vector<Event>& events) {
  signalfd_siginfo signal;
  while (read(signals_, &signal, sizeof signal) == sizeof signal) {
    if (signal.ssi_signo == SIGCHLD) {
      take_changes(events);
    } else if (signal.ssi_code != SI_KERNEL) {
      send(static_cast<int>(signal.ssi_signo));
    }
  }
}

// For no more than to hear what is executed: whatever stops for that runs on at once. Of the child
// its main thread is enough; descendants may come from any thread. Refused where a debugger or a
// filter stands in the way.
void Child::trace(Tracing tracing) {
  long options = PTRACE_O_TRACEEXEC;
  if (tracing == Tracing::descendants) {
    options |= PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE;
  }
  traced_ = ptrace(PTRACE_SEIZE, process_, nullptr, options) == 0;
}

void Child::take_changes(std::vector<Event>& events) {
  int status;
  for (pid_t process; (process = waitpid(-1, &status, WNOHANG | WUNTRACED | __WALL)) > 0;) {
    if (WIFSTOPPED(status)) {
      go_on_from(process, status, events);
      continue;
    }
    descendants_.erase(process);
    if (process == process_) status_ = status;
    events.push_back({process, Event::kEnded});
  }
}

// ptrace(2), "Stopped states".
void Child::go_on_from(pid_t process, int stop, std::vector<Event>& events) {
  const int signal = WSTOPSIG(stop);
  const int event = stop >> 16;
  const bool is_group_stop = !traced_ || (event == PTRACE_EVENT_STOP && signal != SIGTRAP);
  if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK) {
    unsigned long made = 0;
    ptrace(PTRACE_GETEVENTMSG, process, nullptr, &made);
    descendants_.insert(static_cast<pid_t>(made));
  }
  if (event == PTRACE_EVENT_EXEC) {
    if (has_begun_) events.push_back({process, Event::kExecuted});
    has_begun_ = true;
  }
  if (traced_ && is_group_stop) {
    ptrace(PTRACE_LISTEN, process, nullptr, nullptr);
  } else if (traced_) {
    const intptr_t passed_on = event == 0 ? signal : 0;
    ptrace(PTRACE_CONT, process, nullptr, passed_on);
  }
  // For the shell that waits for this process; it lets both go on.
  if (is_group_stop && process == process_) raise(SIGSTOP);
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
