// Owns: the reading of two status files (proc_pid_status(5)).
// Called by: see confinement.h.
// Never: see confinement.h.
#include "backend/linux/confinement.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>

#include <cstdint>

#include "backend/linux/background_thread.h"
#include "backend/linux/kernel_clock.h"
#include "base/environment.h"
#include "base/system_call.h"
#include "base/units.h"

namespace hakmem {
namespace {

struct Rights {
  uint64_t credentials = 0;  // a hash of the lines that tell of them
  uint64_t filters = 0;
  bool is_filtered = true;
};

// Static, for the thread's stack is small; there is one such thread.
alignas(kApart) constinit char text[4096] = {};
constinit long first_thread = -1;
constinit long own_thread = -1;
constinit uint64_t filters_at_start = 0;
constinit uint64_t last_look = 0;

bool starts_with(Text line, const char* name) {
  const size_t length = strlen(name);
  return line.length >= length && memcmp(line.data, name, length) == 0;
}

bool ends_with_zero(Text line) {
  return line.length > 2 && line.data[line.length - 2] == '\t' && line.data[line.length - 1] == '0';
}

// FNV-1a.
void add_to(uint64_t& hash, Text line) {
  for (size_t at = 0; at < line.length; ++at) {
    hash = (hash ^ static_cast<unsigned char>(line.data[at])) * 0x100000001b3;
  }
}

bool read_rights(long descriptor, Rights& rights) {
  constexpr const char* kCredentials[] = {"Uid:", "Gid:", "Groups:", "Cap", "NoNewPrivs:"};
  const long length = system_call(SYS_pread64, descriptor, text, sizeof text, 0);
  if (length <= 0) return false;
  Text rest{.data = text, .length = static_cast<size_t>(length)};
  while (rest.length > 0) {
    const Text line = take_until(rest, '\n');
    if (starts_with(line, "Seccomp")) add_to(rights.filters, line);
    if (starts_with(line, "Seccomp:")) rights.is_filtered = !ends_with_zero(line);
    for (const char* name : kCredentials) {
      if (starts_with(line, name)) add_to(rights.credentials, line);
    }
  }
  return true;
}

long open_status(const char* path) {
  return system_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
}

bool differs() {
  Rights first;
  Rights own;
  if (!read_rights(first_thread, first) || !read_rights(own_thread, own)) return false;
  return first.credentials != own.credentials || first.filters != own.filters ||
         own.filters != filters_at_start;
}

}  // namespace

void watch_confinement() {
  first_thread = own_thread = -1;
  if (!has_own_descriptors()) return;
  first_thread = open_status("/proc/self/status");
  own_thread = open_status("/proc/thread-self/status");
  Rights own;
  if (read_rights(own_thread, own)) filters_at_start = own.filters;
}

bool is_free_of_filters() {
  Rights own;
  return own_thread >= 0 && read_rights(own_thread, own) && !own.is_filtered;
}

bool was_confined() {
  if (first_thread < 0 || own_thread < 0) return false;
  const uint64_t now = read_clock(CLOCK_MONOTONIC_COARSE);
  if (now - last_look < 10 * kMillisecond) return false;
  last_look = now;
  // libc gives new credentials to one thread after the other.
  constexpr int kLooks = 4;
  for (int look = 0; look < kLooks; ++look) {
    if (!differs()) return false;
    const timespec moment{.tv_sec = 0, .tv_nsec = 2 * kMillisecond};
    system_call(SYS_nanosleep, &moment, nullptr);
  }
  return true;
}

}  // namespace hakmem
