// Owns: the reading of two status files (proc_pid_status(5)).
// Called by: see confinement.h.
// Never: see confinement.h.
#include "backend/linux/guest/confinement.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>

#include "backend/linux/memory/own_descriptors.h"
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
  const long length = system_call(SYS_read, descriptor, text, sizeof text);
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

enum class Look : uint8_t { kSame, kOtherRights, kFiltered };

Look look_at_rights() {
  Rights first;
  Rights own;
  if (!read_rights(first_thread, first) || !read_rights(own_thread, own)) return Look::kSame;
  if (first.filters != own.filters || own.filters != filters_at_start) return Look::kFiltered;
  // Back to the files' start, for the next look.
  system_call(SYS_lseek, first_thread, 0, SEEK_SET);
  system_call(SYS_lseek, own_thread, 0, SEEK_SET);
  return first.credentials == own.credentials ? Look::kSame : Look::kOtherRights;
}

}  // namespace

void watch_confinement() {
  first_thread = own_thread = -1;
  if (!has_own_descriptors()) return;
  first_thread = open_status("/proc/self/status");
  own_thread = open_status("/proc/thread-self/status");
  Rights own;
  if (!read_rights(own_thread, own)) return;
  filters_at_start = own.filters;
  system_call(SYS_lseek, own_thread, 0, SEEK_SET);
}

bool is_free_of_filters() {
  Rights own;
  if (own_thread < 0 || !read_rights(own_thread, own) || own.is_filtered) return false;
  system_call(SYS_lseek, own_thread, 0, SEEK_SET);
  return true;
}

bool was_confined() {
  if (first_thread < 0 || own_thread < 0) return false;
  // libc gives new credentials to one thread after the other.
  constexpr int kLooks = 4;
  Look look = look_at_rights();
  for (int more = 1; look == Look::kOtherRights && more < kLooks; ++more) {
    const timespec moment{.tv_sec = 0, .tv_nsec = 2 * kMillisecond};
    system_call(SYS_nanosleep, &moment, nullptr);
    look = look_at_rights();
  }
  return look != Look::kSame;
}

}  // namespace hakmem
