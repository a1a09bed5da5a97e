// Owns: the reading of rlimits, sysinfo and two files of /proc.
// Called by: kLinuxBackend, once at start-up and for statistics.
// Never: a descriptor left open, a changed errno, stdio.
#include "backend/linux/process_limits.h"

#include <errno.h>
#include <fcntl.h>
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

}  // namespace

MemoryLimits process_memory_limits() {
  const int saved = errno;
  MemoryLimits limits{.physical_bytes = size_t{4} << 30,
                      .address_space_bytes = SIZE_MAX,
                      .commit_is_charged = false};
  struct sysinfo information;
  if (sysinfo(&information) == 0) limits.physical_bytes = information.totalram * information.mem_unit;
  struct rlimit address_space;
  if (getrlimit(RLIMIT_AS, &address_space) == 0 && address_space.rlim_cur != RLIM_INFINITY) {
    limits.address_space_bytes = address_space.rlim_cur;
  }
  char mode;
  limits.commit_is_charged =
      read_start("/proc/sys/vm/overcommit_memory", &mode, 1) == 1 && mode == '2';
  errno = saved;
  return limits;
}

size_t process_resident_bytes() {
  const int saved = errno;
  char text[128];
  const size_t length = read_start("/proc/self/statm", text, sizeof text);
  errno = saved;
  size_t at = 0;
  while (at < length && text[at] != ' ') ++at;
  size_t pages = 0;
  for (++at; at < length && text[at] >= '0' && text[at] <= '9'; ++at) {
    pages = pages * 10 + static_cast<size_t>(text[at] - '0');
  }
  return pages * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace hakmem
