// Owns: opening and asking the trigger.
// Called by: see pressure_stall.h.
// Never: see pressure_stall.h.
#include "backend/linux/guest/pressure_stall.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <time.h>

#include "base/system_call.h"

namespace hakmem {
namespace {

// The kernel puts its own terminator over the last byte, so ours is written too.
constexpr char kTrigger[] = "some 150000 2000000";

bool may_pass(long error) {
  return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -EAGAIN ||
         error == -EINTR;
}

}  // namespace

void PressureStall::let_go() {
  if (descriptor_ >= 0) system_call(SYS_close, descriptor_);
  descriptor_ = -1;
}

void PressureStall::watch(const char* group_file, const char* machine_file) {
  let_go();
  files_[0] = group_file;
  files_[1] = machine_file;
  current_ = group_file[0] != '\0' ? 0 : 1;
}

long PressureStall::open_trigger(const char* path) {
  const long opened = system_call(SYS_openat, AT_FDCWD, path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (opened < 0) return opened;
  const long written = system_call(SYS_write, opened, kTrigger, sizeof kTrigger);
  if (written >= 0) return opened;
  system_call(SYS_close, opened);
  return written;
}

void PressureStall::open_next() {
  for (; current_ < kFiles; ++current_) {
    const long opened = open_trigger(files_[current_]);
    if (opened >= 0) {
      descriptor_ = static_cast<int>(opened);
      return;
    }
    if (may_pass(opened)) return;
  }
}

bool PressureStall::fired() {
  if (current_ == kFiles) return false;
  if (descriptor_ < 0) {
    open_next();
    return false;
  }
  struct pollfd asked {
    .fd = descriptor_, .events = POLLPRI, .revents = 0
  };
  struct timespec at_once {};
  if (system_call(SYS_ppoll, &asked, 1, &at_once, nullptr, 0) <= 0) return false;
  if ((asked.revents & (POLLERR | POLLNVAL)) != 0) {
    // The group is gone. Not tried again.
    let_go();
    ++current_;
    return false;
  }
  return (asked.revents & POLLPRI) != 0;
}

}  // namespace hakmem
