// Owns: the reading of /proc/self and getrusage.
// Called by: see process_memory.h.
// Never: see process_memory.h.
#include "process_memory.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

ProcessMemory process_memory() {
  ProcessMemory memory{};
  if (FILE* status = std::fopen("/proc/self/status", "r")) {
    char line[256];
    unsigned long value;
    while (std::fgets(line, sizeof line, status)) {
      if (std::sscanf(line, "VmHWM: %lu", &value) == 1) memory.peak_rss_kib = value;
      if (std::sscanf(line, "VmRSS: %lu", &value) == 1) memory.rss_kib = value;
    }
    std::fclose(status);
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  memory.minor_faults = static_cast<uint64_t>(usage.ru_minflt);
  return memory;
}

uint64_t resident_kib() {
  static const int statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  static const auto page_kib = static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) / 1024;
  char text[128];
  const ssize_t length = pread(statm, text, sizeof text - 1, 0);
  if (length <= 0) return 0;
  text[length] = '\0';
  char* second;
  std::strtoull(text, &second, 10);
  return std::strtoull(second, nullptr, 10) * page_kib;
}

uint64_t mapping_count() {
  const int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (maps < 0) return 0;
  char text[4096];
  uint64_t lines = 0;
  for (ssize_t length; (length = read(maps, text, sizeof text)) > 0;) {
    lines += static_cast<uint64_t>(std::count(text, text + length, '\n'));
  }
  close(maps);
  return lines;
}

uint64_t huge_page_kib() {
  unsigned long found = 0;
  if (FILE* rollup = std::fopen("/proc/self/smaps_rollup", "r")) {
    char line[256];
    while (std::fgets(line, sizeof line, rollup)) std::sscanf(line, "AnonHugePages: %lu", &found);
    std::fclose(rollup);
  }
  return found;
}

void forget_peak() {
  const int references = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
  if (references < 0) return;
  // Refused in some containers.
  [[maybe_unused]] const ssize_t written = write(references, "5", 1);
  close(references);
}
