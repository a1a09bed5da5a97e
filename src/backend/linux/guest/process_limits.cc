// Owns: the reading of rlimits, sysinfo and two files of /proc.
// Called by: start-up, threads of ours, statistics.
// Never: a descriptor left open, a changed errno, stdio.
#include "backend/linux/guest/process_limits.h"

#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>

#include "backend/linux/guest/small_file.h"
#include "backend/linux/memory/process_facts.h"
#include "base/system_call.h"

namespace hakmem {
namespace {

// The number after `separators` spaces; 0 when there is none.
size_t number_after(const char* text, size_t length, int separators) {
  size_t at = 0;
  for (; separators > 0; --separators) {
    while (at < length && text[at] != ' ') ++at;
    ++at;
  }
  size_t number = 0;
  for (; at < length && text[at] >= '0' && text[at] <= '9'; ++at) {
    number = number * 10 + static_cast<size_t>(text[at] - '0');
  }
  return number;
}

// SIZE_MAX when unlimited.
size_t limit_of(int resource) {
  struct rlimit limit;
  if (system_call(SYS_prlimit64, 0, resource, nullptr, &limit) != 0) return SIZE_MAX;
  return limit.rlim_cur != RLIM_INFINITY ? limit.rlim_cur : SIZE_MAX;
}

}  // namespace

void read_memory_limits() {
  struct sysinfo information;
  if (system_call(SYS_sysinfo, &information) == 0) {
    process_facts.physical_bytes.store(information.totalram * information.mem_unit,
                                       std::memory_order_relaxed);
  }
  process_facts.address_space_bytes.store(limit_of(RLIMIT_AS), std::memory_order_relaxed);
}

void refresh_commit_charge() {
  char mode;
  const bool charged = read_start("/proc/sys/vm/overcommit_memory", &mode, 1) == 1 && mode == '2';
  process_facts.commit_is_charged.store(charged, std::memory_order_relaxed);
}

size_t process_threads() {
  constexpr int kBehindName = 18;  // num_threads is field 20, the name field 2
  char text[1024];
  size_t length = read_start("/proc/self/stat", text, sizeof text);
  // The name may hold anything, parentheses and spaces included.
  size_t name_end = length;
  while (name_end > 0 && text[name_end - 1] != ')') --name_end;
  return name_end == 0 ? 0 : number_after(text + name_end, length - name_end, kBehindName);
}

size_t process_page_faults() {
  struct rusage usage;
  if (system_call(SYS_getrusage, RUSAGE_SELF, &usage) != 0) return 0;
  return static_cast<size_t>(usage.ru_minflt);
}

size_t process_resident_bytes() {
  constexpr int kResident = 1;  // field 0 is what is mapped
  char text[128];
  const size_t length = read_start("/proc/self/statm", text, sizeof text);
  return number_after(text, length, kResident) * static_cast<size_t>(getauxval(AT_PAGESZ));
}

}  // namespace hakmem
