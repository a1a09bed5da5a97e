// Owns: the reading of the two lines.
// Called by: see process_status.h.
// Never: see process_status.h.
#include "backend/linux/guest/process_status.h"

#include <string.h>

#include "backend/linux/guest/small_file.h"
#include "base/environment.h"
#include "base/units.h"

namespace hakmem {
namespace {

alignas(kApart) constinit char text[4096] = {};
constinit ProcessStatus status;
constinit bool was_read = false;

// Of "NAME:\tVALUE".
bool starts_with(Text line, const char* start) {
  const size_t length = strlen(start);
  return line.length >= length && memcmp(line.data, start, length) == 0;
}

}  // namespace

const ProcessStatus& process_status_at_start() {
  if (was_read) return status;
  was_read = true;
  LineReader lines("/proc/self/status", text, sizeof text);
  Text line;
  while (lines.next(line)) {
    if (starts_with(line, "Seccomp:\t")) status.has_filter = !starts_with(line, "Seccomp:\t0");
    if (starts_with(line, "THP_enabled:\t0")) status.has_huge_pages_disabled = true;
  }
  return status;
}

}  // namespace hakmem
