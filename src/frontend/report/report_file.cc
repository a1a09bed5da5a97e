// Owns: what counts as a file for reports.
// Called by: see report_file.h.
// Never: a file emptied before it is known what it is.
#include "frontend/report/report_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "base/system_call.h"

namespace hakmem {
namespace {

bool is_null_device(const struct stat& status) {
  return S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3);
}

// What opening alone may do harm to is left alone: a tape rewinds, a watchdog starts.
bool may_be_opened(const char* path) {
  struct stat status;
  const long answer = system_call(SYS_newfstatat, AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW);
  if (answer == -ENOENT) return true;
  if (answer != 0) return false;
  constexpr unsigned kTerminals[] = {4, 5};  // consoles and serial lines, /dev/tty
  constexpr unsigned kFirstPseudoTerminals = 136;
  constexpr unsigned kLastPseudoTerminals = 143;
  const unsigned driver = major(status.st_rdev);
  return S_ISREG(status.st_mode) || S_ISFIFO(status.st_mode) || is_null_device(status) ||
         (S_ISCHR(status.st_mode) &&
          (driver == kTerminals[0] || driver == kTerminals[1] ||
           (driver >= kFirstPseudoTerminals && driver <= kLastPseudoTerminals)));
}

// Of a file that is open without waiting; the writes may wait.
bool make_ready(int descriptor) {
  struct stat status;
  if (system_call(SYS_fstat, descriptor, &status) != 0) return false;
  if (S_ISREG(status.st_mode)) return system_call(SYS_ftruncate, descriptor, 0) == 0;
  if (is_null_device(status)) return true;
  struct termios settings = {};
  const bool is_terminal =
      S_ISCHR(status.st_mode) && system_call(SYS_ioctl, descriptor, TCGETS, &settings) == 0;
  if (!is_terminal && !S_ISFIFO(status.st_mode)) return false;
  return system_call(SYS_fcntl, descriptor, F_SETFL, O_WRONLY) == 0;
}

}  // namespace

int open_report(const char* path) {
  if (strcmp(path, "/dev/stdout") == 0) return STDOUT_FILENO;
  if (strcmp(path, "/dev/stderr") == 0) return STDERR_FILENO;
  if (!may_be_opened(path)) return -1;
  constexpr int kFlags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  const auto descriptor = static_cast<int>(system_call(SYS_openat, AT_FDCWD, path, kFlags, 0666));
  if (descriptor < 0) return -1;
  if (make_ready(descriptor)) return descriptor;
  close_report(descriptor);
  return -1;
}

void close_report(int descriptor) {
  if (descriptor > STDERR_FILENO) system_call(SYS_close, descriptor);
}

}  // namespace hakmem
