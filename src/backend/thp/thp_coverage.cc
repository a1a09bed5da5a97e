// Owns: the PAGEMAP_SCAN ioctl, and what older kernels have instead.
// Called by: see thp_coverage.h.
// Never: see thp_coverage.h.
#include "backend/thp/thp_coverage.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include <cstdint>

#include "backend/linux/guest/small_file.h"
#include "base/system_call.h"

namespace hakmem {
namespace {

// From linux/fs.h of Linux 6.7, which older headers lack.
struct PageRegion {
  uint64_t start;
  uint64_t end;
  uint64_t categories;
};

struct PagemapScan {
  uint64_t size;
  uint64_t flags;
  uint64_t start;
  uint64_t end;
  uint64_t walk_end;  // where the kernel stopped
  uint64_t regions;
  uint64_t capacity;
  uint64_t most_pages;
  uint64_t inverted;
  uint64_t required;
  uint64_t any_of;
  uint64_t returned;
};
static_assert(sizeof(PagemapScan) == 96);

constexpr unsigned long kPagemapScan = _IOWR('f', 16, PagemapScan);
constexpr uint64_t kIsZeroPage = 1 << 5;
constexpr uint64_t kIsHuge = 1 << 6;

}  // namespace

ThpCoverage::ThpCoverage()
    : descriptor_(system_call(SYS_openat, AT_FDCWD, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC)) {}

ThpCoverage::~ThpCoverage() {
  if (descriptor_ >= 0) system_call(SYS_close, descriptor_);
}

bool ThpCoverage::add(const AddressRange& range, size_t& bytes) const {
  constexpr size_t kCapacity = 64;
  PageRegion regions[kCapacity];
  const auto start = reinterpret_cast<uintptr_t>(range.start);
  PagemapScan scan{.size = sizeof(PagemapScan),
                   .flags = 0,
                   .start = start,
                   .end = start + range.bytes,
                   .walk_end = 0,
                   .regions = reinterpret_cast<uintptr_t>(regions),
                   .capacity = kCapacity,
                   .most_pages = 0,
                   .inverted = kIsZeroPage,
                   .required = kIsHuge | kIsZeroPage,
                   .any_of = 0,
                   .returned = kIsHuge};
  size_t found = 0;
  while (scan.start < scan.end) {
    const long filled = system_call(SYS_ioctl, descriptor_, kPagemapScan, &scan);
    if (filled < 0) return false;
    for (long index = 0; index < filled; ++index) {
      found += regions[index].end - regions[index].start;
    }
    if (scan.walk_end <= scan.start) break;
    scan.start = scan.walk_end;
  }
  bytes += found;
  return true;
}

bool process_on_huge_pages(size_t& bytes) {
  constexpr char kName[] = "AnonHugePages:";
  constexpr size_t kNameLength = sizeof kName - 1;
  char buffer[512];
  LineReader lines("/proc/self/smaps_rollup", buffer, sizeof buffer);
  for (Text line; lines.next(line);) {
    if (line.length < kNameLength || memcmp(line.data, kName, kNameLength) != 0) continue;
    size_t kibibytes = 0;
    for (size_t at = kNameLength; at < line.length; ++at) {
      const char digit = line.data[at];
      if (digit >= '0' && digit <= '9')
        kibibytes = kibibytes * 10 + static_cast<size_t>(digit - '0');
    }
    bytes = kibibytes << 10;
    return true;
  }
  return false;
}

}  // namespace hakmem
