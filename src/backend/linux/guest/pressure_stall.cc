// Owns: opening, verifying and asking the trigger.
// Called by: see pressure_stall.h.
// Never: see pressure_stall.h.
#include "backend/linux/guest/pressure_stall.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "base/system_call.h"

namespace hakmem {
namespace {

// The kernel puts its own terminator over the last byte, so ours is written too.
constexpr char kTrigger[] = "some 150000 2000000";

// Out of the way of programs that expect the lowest numbers, below a limit that they may have set.
long highest_reasonable_number() {
  struct rlimit limit;
  if (system_call(SYS_prlimit64, 0, RLIMIT_NOFILE, nullptr, &limit) != 0) return 0;
  const rlim_t end = limit.rlim_cur < 1024 ? limit.rlim_cur : 1024;
  return static_cast<long>(end - end / 16);
}

bool may_pass(long error) {
  return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -EAGAIN ||
         error == -EINTR;
}

}  // namespace

bool PressureStall::identity_of(long descriptor, Identity& identity) {
  struct stat status;
  if (system_call(SYS_fstat, descriptor, &status) != 0) return false;
  identity = {.device = status.st_dev, .inode = status.st_ino};
  return true;
}

bool PressureStall::descriptor_is_ours() const {
  Identity now;
  return identity_of(descriptor_, now) && now == identity_;
}

void PressureStall::let_go() {
  if (descriptor_ >= 0 && descriptor_is_ours()) system_call(SYS_close, descriptor_);
  descriptor_ = -1;
}

void PressureStall::watch(const char* group_file, const char* machine_file) {
  let_go();
  files_[0] = group_file;
  files_[1] = machine_file;
  current_ = group_file[0] != '\0' ? 0 : 1;
}

long PressureStall::open_trigger(const char* path) {
  const long low = system_call(SYS_openat, AT_FDCWD, path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (low < 0) return low;
  const long written = system_call(SYS_write, low, kTrigger, sizeof kTrigger);
  long moved = written < 0 ? written : -EAGAIN;
  if (written >= 0 && identity_of(low, identity_)) {
    moved = system_call(SYS_fcntl, low, F_DUPFD_CLOEXEC, highest_reasonable_number());
    if (moved == -EINVAL) moved = -EMFILE;  // the limit leaves no such number
  }
  system_call(SYS_close, low);
  return moved;
}

void PressureStall::open_next() {
  for (; current_ < kFiles; ++current_) {
    const long opened = open_trigger(files_[current_]);
    if (opened >= 0) {
      descriptor_ = static_cast<int>(opened);
      process_ = system_call(SYS_getpid);
      return;
    }
    if (may_pass(opened)) return;
  }
}

bool PressureStall::fired() {
  if (current_ == kFiles) return false;
  if (descriptor_ >= 0 && process_ != system_call(SYS_getpid)) let_go();
  if (descriptor_ < 0 || !descriptor_is_ours()) {
    descriptor_ = -1;
    open_next();
    return false;
  }
  struct pollfd asked {
    .fd = descriptor_, .events = POLLPRI, .revents = 0
  };
  struct timespec at_once {};
  if (system_call(SYS_ppoll, &asked, 1, &at_once, nullptr, 0) <= 0) return false;
  if ((asked.revents & (POLLERR | POLLNVAL)) != 0) {
    // No trigger is behind the descriptor: the group is gone, or the program opened the same file
    // under our number. POLLPRI means nothing then. Not closed, not tried again.
    descriptor_ = -1;
    ++current_;
    return false;
  }
  return (asked.revents & POLLPRI) != 0;
}

}  // namespace hakmem
