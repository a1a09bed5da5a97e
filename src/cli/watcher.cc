// Owns: the watcher's process: its detachment, its wait, its end.
// Called by: see watcher.h.
// Never: an end before the program's, as long as the kernel tells of that: the program may execute
// another, and the last word counts.
//
//   Watcher
//     fork_unseen           a process that ends at once, whose child is the watcher
//       detach              own session, no descriptors, no signals held back
//       watch               greetings, silence, the program's end
#include "cli/watcher.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "cli/exit_status.h"

namespace hakmem::cli {
namespace {

using Clock = std::chrono::steady_clock;

// A fork whose end sends no signal: one that is blocked would stay pending through exec.
pid_t fork_silently() {
  return static_cast<pid_t>(syscall(SYS_clone, 0, nullptr, nullptr, nullptr, nullptr));
}

// True in a grandchild that belongs to init, false here. Throws Failure.
bool fork_unseen() {
  const pid_t between = fork_silently();
  if (between == 0) {
    const pid_t process = fork();
    if (process == 0) return true;
    _exit(process > 0 ? 0 : errno);
  }
  int status = 0;
  int error = errno;
  if (between > 0) {
    while (waitpid(between, &status, __WALL) < 0 && errno == EINTR) {
    }
    error = WIFEXITED(status) ? WEXITSTATUS(status) : EAGAIN;
  }
  if (error != 0 || between < 0) {
    throw Failure{kLauncherFailed, fmt::format("cannot start a process: {}", strerror(error))};
  }
  return false;
}

void close_all_but(const int (&kept)[3]) {
  int open[] = {STDERR_FILENO, kept[0], kept[1], kept[2]};
  std::sort(std::begin(open), std::end(open));
  int first = STDERR_FILENO + 1;
  for (const int descriptor : open) {
    if (descriptor > first) syscall(SYS_close_range, first, descriptor - 1, 0);
    first = std::max(first, descriptor + 1);
  }
  syscall(SYS_close_range, first, INT_MAX, 0);
}

void detach(const int (&kept)[3]) {
  setsid();
  prctl(PR_SET_NAME, "hakmem-watch");
  const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO}) {
    if (nothing < 0 || dup2(nothing, descriptor) < 0) close(descriptor);
  }
  close_all_but(kept);
  static_cast<void>(chdir("/") == 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

// `program`: readable at its end, -1 on a kernel that cannot say; then the patience ends the watch.
void watch(const Handshake& handshake, Report& report, pid_t process, int program, int launcher) {
  const auto deadline = Clock::now() + kPatience;
  while (true) {
    const auto now = Clock::now();
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now).count();
    const bool patient = program >= 0 && report.made();
    pollfd sources[] = {
        {handshake.descriptor(), POLLIN, 0}, {program, POLLIN, 0}, {launcher, POLLIN, 0}};
    poll(sources, std::size(sources), patient ? -1 : static_cast<int>(std::max<long>(left, 0)));
    if (sources[2].revents != 0) {
      char word;
      if (read(launcher, &word, 1) > 0) return;
      launcher = -1;
    }
    while (const auto greeting = handshake.receive(process)) report.hear(*greeting);
    const bool ended = sources[1].revents != 0;
    const bool late = Clock::now() >= deadline;
    if (!report.made() && (ended || late)) report.silence();
    if (ended || (late && program < 0)) return;
  }
}

[[noreturn]] void run_watcher(const Handshake& handshake, Report& report, pid_t process,
                              int program, int launcher) {
  try {
    detach({handshake.descriptor(), program, launcher});
    watch(handshake, report, process, program, launcher);
  } catch (const std::exception&) {
    // No memory: nothing to say either, and the program is not to suffer.
  }
  _exit(EXIT_SUCCESS);
}

}  // namespace

Watcher::Watcher(const Handshake& handshake, Report& report) {
  const pid_t process = getpid();
  int words[2];
  if (pipe2(words, O_CLOEXEC) != 0) {
    throw Failure{kLauncherFailed, fmt::format("cannot make a pipe: {}", strerror(errno))};
  }
  launcher_ = words[1];
  const int program = static_cast<int>(syscall(SYS_pidfd_open, process, 0));
  if (fork_unseen()) run_watcher(handshake, report, process, program, words[0]);
  close(words[0]);
  if (program >= 0) close(program);
}

Watcher::~Watcher() {
  close(launcher_);
}

void Watcher::dismiss() const {
  static_cast<void>(write(launcher_, "", 1) == 1);
}

}  // namespace hakmem::cli
