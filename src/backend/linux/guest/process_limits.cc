// Owns: the reading of rlimits, sysinfo and two files of /proc.
// Called by: start-up, threads of ours, statistics.
// Never: a descriptor left open, a changed errno, stdio.
#include "backend/linux/guest/process_limits.h"

#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>

#include "backend/linux/guest/process_status.h"
#include "backend/linux/guest/small_file.h"
#include "backend/linux/memory/process_facts.h"
#include "base/system_call.h"

namespace hakmem {
namespace {

size_t number_at(const char* text, size_t length, size_t at) {
  size_t number = 0;
  for (; at < length && text[at] >= '0' && text[at] <= '9'; ++at) {
    number = number * 10 + static_cast<size_t>(text[at] - '0');
  }
  return number;
}

// The number after `separators` spaces; 0 when there is none.
size_t number_after(const char* text, size_t length, int separators) {
  size_t at = 0;
  for (; separators > 0; --separators) {
    while (at < length && text[at] != ' ') ++at;
    ++at;
  }
  return number_at(text, length, at);
}

// "MemTotal:" is the first line of proc_meminfo(5), in KiB.
size_t total_of_meminfo() {
  char text[128];
  const size_t length = read_start("/proc/meminfo", text, sizeof text);
  size_t at = 0;
  while (at < length && (text[at] < '0' || text[at] > '9')) ++at;
  return number_at(text, length, at) << 10;
}

// A filter that was there before us allows what loading a program needs: open, read and close.
size_t physical_bytes() {
  struct sysinfo information;
  if (process_status_at_start().has_filter) return total_of_meminfo();
  if (system_call(SYS_sysinfo, &information) != 0) return 0;
  return information.totalram * information.mem_unit;
}

// SIZE_MAX when unlimited.
size_t limit_of(int resource) {
  struct rlimit limit;
  if (system_call(SYS_prlimit64, 0, resource, nullptr, &limit) != 0) return SIZE_MAX;
  return limit.rlim_cur != RLIM_INFINITY ? limit.rlim_cur : SIZE_MAX;
}

}  // namespace

void read_memory_limits() {
  if (const size_t bytes = physical_bytes()) {
    process_facts.physical_bytes.store(bytes, std::memory_order_relaxed);
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
