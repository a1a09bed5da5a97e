// Owns: the reading of rlimits, sysinfo and two files of /proc.
// Called by: kLinuxBackend, once at start-up and for statistics.
// Never: a descriptor left open, a changed errno, stdio.
#include "backend/linux/process_limits.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

namespace hakmem {
namespace {

// Reads the start of a small file; returns the length, 0 when it cannot be read.
size_t read_start(const char* path, char* buffer, size_t capacity) {
  const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return 0;
  const ssize_t length = read(descriptor, buffer, capacity);
  close(descriptor);
  return length > 0 ? static_cast<size_t>(length) : 0;
}

// The given field of /proc/self/statm (0: mapped, 1: resident), in bytes; 0 without /proc.
size_t statm_bytes(int field) {
  char text[128];
  const size_t length = read_start("/proc/self/statm", text, sizeof text);
  size_t at = 0;
  for (; field > 0; --field) {
    while (at < length && text[at] != ' ') ++at;
    ++at;
  }
  size_t pages = 0;
  for (; at < length && text[at] >= '0' && text[at] <= '9'; ++at) {
    pages = pages * 10 + static_cast<size_t>(text[at] - '0');
  }
  return pages * static_cast<size_t>(getauxval(AT_PAGESZ));
}

}  // namespace

MemoryLimits process_memory_limits() {
  const int saved = errno;
  MemoryLimits limits{.physical_bytes = size_t{4} << 30, .address_space_bytes = SIZE_MAX};
  struct sysinfo information;
  if (sysinfo(&information) == 0)
    limits.physical_bytes = information.totalram * information.mem_unit;
  struct rlimit address_space;
  if (getrlimit(RLIMIT_AS, &address_space) == 0 && address_space.rlim_cur != RLIM_INFINITY) {
    limits.address_space_bytes = address_space.rlim_cur;
  }
  errno = saved;
  return limits;
}

bool process_commit_is_charged() {
  const int saved = errno;
  char mode;
  const bool strict = read_start("/proc/sys/vm/overcommit_memory", &mode, 1) == 1 && mode == '2';
  errno = saved;
  return strict;
}

bool process_address_space_allows(size_t more, size_t reserved_uncommitted) {
  const int saved = errno;
  struct rlimit limit;
  const bool limited = getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  const size_t mapped = limited ? statm_bytes(0) : 0;
  errno = saved;
  if (mapped <= reserved_uncommitted) return true;  // no limit, or no /proc to judge by
  return mapped - reserved_uncommitted + more <= limit.rlim_cur;
}

size_t process_resident_bytes() {
  const int saved = errno;
  const size_t bytes = statm_bytes(1);
  errno = saved;
  return bytes;
}

}  // namespace hakmem
