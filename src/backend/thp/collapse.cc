// Owns: the calls.
// Called by: see collapse.h.
// Never: see collapse.h.
#include "backend/thp/collapse.h"

#include <errno.h>
#include <sys/mman.h>

#include <algorithm>

#include "base/system_call.h"
#include "base/units.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

namespace hakmem {
namespace {

constexpr size_t kPage = 4096;  // huge pages are of 2 MiB only then
constexpr size_t kPagesPerHugePage = kHugePageSize / kPage;

// What is not would be.
bool is_almost_all_in_memory(const AddressRange& page) {
  unsigned char in_memory[kPagesPerHugePage];
  if (system_call(SYS_mincore, page.start, page.bytes, in_memory) != 0) return false;
  const auto present =
      std::count_if(in_memory, in_memory + kPagesPerHugePage, [](char each) { return each & 1; });
  return static_cast<size_t>(present) >= kPagesPerHugePage - kPagesPerHugePage / 16;
}

}  // namespace

CollapseResult collapse(const AddressRange& page) {
  if (!is_almost_all_in_memory(page)) return CollapseResult::kNotWorthIt;
  // Small pages by advice cannot be collapsed.
  system_call(SYS_madvise, page.start, page.bytes, MADV_HUGEPAGE);
  const long result = system_call(SYS_madvise, page.start, page.bytes, MADV_COLLAPSE);
  if (result == 0) return CollapseResult::kCollapsed;
  system_call(SYS_madvise, page.start, page.bytes, MADV_NOHUGEPAGE);
  return result == -EPERM || result == -ENOSYS ? CollapseResult::kNever : CollapseResult::kNotNow;
}

}  // namespace hakmem
