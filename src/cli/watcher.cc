// Owns: the watcher's process: its detachment, its wait, its end.
// Called by: see watcher.h.
// Never: an end before the program's, as long as the kernel tells of that: the program may execute
// another, and the last word counts.
//
//   Watcher
//     fork_unseen           a process that ends at once, whose child is the watcher
//       detach              own session, no descriptors, no signals held back
//       watch               greetings, other programs, silence, the program's end
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
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "cli/exit_status.h"
#include "cli/program.h"

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

// Tells programs that a process executes apart: the file, and where the stack was put, which
// differs each time (proc_pid_stat(5), "startstack"). Empty where it may not be read.
struct Identity {
  std::string file;
  std::string stack;

  bool operator==(const Identity&) const = default;
};

Identity identity_of(pid_t process) {
  constexpr int kStartStack = 28;
  constexpr int kFirstBehindName = 3;
  const std::string folder = fmt::format("/proc/{}", process);
  std::error_code unreadable;
  Identity identity{std::filesystem::read_symlink(folder + "/exe", unreadable), ""};
  std::ifstream file(folder + "/stat");
  std::string line;
  std::getline(file, line);
  std::istringstream fields(line.substr(std::min(line.rfind(')') + 1, line.size())));
  for (int field = kFirstBehindName; field <= kStartStack; ++field) fields >> identity.stack;
  return identity;
}

class Watch {
 public:
  Watch(const Handshake& handshake, Report& report, pid_t process)
      : handshake_(handshake), report_(report), process_(process) {}

  // Nothing tells of what the process executes next: it is looked at ever more rarely. Programs
  // that execute others do so at their start.
  void look() {
    if (Clock::now() < next_look_) return;
    pause_ = std::min(2 * pause_, kLongestPause);
    next_look_ = Clock::now() + pause_;
    notice_program();
  }

  // In its library's constructor it waits for the greeting's end: what it is now has greeted.
  void hear() {
    while (const auto greeting = handshake_.receive()) {
      if (greeting->process != process_) continue;
      notice_program();
      report_.hear(*greeting);
    }
  }

  // The program is over, or had its time.
  void conclude() {
    if (!report_.made()) report_.silence();
  }

  bool is_late() const { return Clock::now() >= deadline_; }
  bool is_silent() const { return !report_.made(); }

  int milliseconds_to_next() const {
    auto next = next_look_;
    if (is_silent()) next = std::min(next, deadline_);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
    return static_cast<int>(std::max<long>(left.count(), 0));
  }

 private:
  static constexpr Clock::duration kFirstPause = std::chrono::milliseconds(20);
  static constexpr Clock::duration kLongestPause = std::chrono::seconds(10);

  void notice_program() {
    const Identity now = identity_of(process_);
    if (now.file.empty() || now == program_) return;
    // The first is the launcher itself, or the command.
    const bool is_another = !program_.file.empty() && program_.file != launcher_;
    program_ = now;
    if (!is_another) return;
    const std::string name = std::filesystem::path(now.file).filename();
    report_.begin_anew(name, obstacle_to_preload(fmt::format("/proc/{}/exe", process_)).reason);
    deadline_ = Clock::now() + kPatience;
  }

  const Handshake& handshake_;
  Report& report_;
  const pid_t process_;
  const std::string launcher_ = std::filesystem::read_symlink("/proc/self/exe");
  Identity program_;
  Clock::time_point deadline_ = Clock::now() + kPatience;
  Clock::duration pause_ = kFirstPause;
  Clock::time_point next_look_ = Clock::now();
};

// `program`: readable at its end, -1 on a kernel that cannot say; then the patience ends the watch.
void watch(Watch& watched, const Handshake& handshake, int program, int launcher) {
  while (true) {
    pollfd sources[] = {
        {handshake.descriptor(), POLLIN, 0}, {program, POLLIN, 0}, {launcher, POLLIN, 0}};
    poll(sources, std::size(sources), watched.milliseconds_to_next());
    if (sources[2].revents != 0) {
      char word;
      if (read(launcher, &word, 1) > 0) return;
      launcher = -1;
    }
    watched.hear();
    watched.look();
    const bool ended = sources[1].revents != 0;
    if (watched.is_silent() && (ended || watched.is_late())) watched.conclude();
    if (ended || (watched.is_late() && program < 0)) return;
  }
}

[[noreturn]] void run_watcher(const Handshake& handshake, Report& report, pid_t process,
                              int program, int launcher) {
  try {
    detach({handshake.descriptor(), program, launcher});
    Watch watched(handshake, report, process);
    watch(watched, handshake, program, launcher);
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
