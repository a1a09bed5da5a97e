// Owns: the reading of /proc/self/status and getrusage.
// Called by: main.cc.
// Never: see process_memory.h.
#include "process_memory.h"

#include <sys/resource.h>

#include <cstdio>

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
