// Owns: what the system and the process have set for transparent huge pages.
// Called by: control/huge_pages.cc, before the first promotion and for people.
// Never: read at every start, for the files take 30 us; an allocation, a descriptor left open, a
// changed errno, a guess: what cannot be read is unknown.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hakmem {

// The tree in which /sys is looked up: "" is the machine's, tests have others. The text must
// outlive the call.
struct ThpFiles {
  const char* root = "";
};

// `enabled`, of the system and of each size. kInherit, of a size only: as the system.
enum class ThpEnabled : uint8_t { kUnknown, kAlways, kMadvise, kNever, kInherit };

// `defrag`: what a fault does when no free huge page is at hand. To madvise: compacts memory at
// once where huge pages were asked for, and takes small pages elsewhere.
enum class ThpDefrag : uint8_t { kUnknown, kAlways, kDefer, kDeferMadvise, kMadvise, kNever };

// prctl(PR_GET_THP_DISABLE); kAdvisedOnly since Linux 6.18.
enum class ThpOfProcess : uint8_t { kAllowed, kAdvisedOnly, kDisabled };

// A set of page sizes: the bit of a power of two of bytes is that power.
using PageSizes = uint32_t;

// Of /sys/kernel/mm/transparent_hugepage (Documentation/admin-guide/mm/transhuge.rst).
struct ThpSettings {
  ThpEnabled system = ThpEnabled::kUnknown;
  // hugepages-*kB/enabled of the huge page's size, since Linux 6.8; kUnknown before.
  ThpEnabled huge_page = ThpEnabled::kUnknown;
  ThpDefrag defrag = ThpDefrag::kUnknown;
  ThpOfProcess process = ThpOfProcess::kAllowed;
  size_t huge_page_bytes = 0;       // 0: unknown
  size_t max_ptes_none = SIZE_MAX;  // of khugepaged; SIZE_MAX: unknown
  // Sizes between the page's and the huge page's (mTHP) that are used by themselves, and those that
  // are used where huge pages were asked for.
  PageSizes smaller_always = 0;
  PageSizes smaller_advised = 0;

  // What holds for pages of the huge page's size: of the two settings the one that decides.
  ThpEnabled effective() const {
    const bool own = huge_page != ThpEnabled::kUnknown && huge_page != ThpEnabled::kInherit;
    return own ? huge_page : system;
  }
};

// Why advice has no effect for the heap's 2 MiB.
enum class ThpObstacle : uint8_t { kNone, kSystem, kProcess, kPageSize };

// What is unknown is no obstacle: advice that the kernel ignores does no harm.
ThpObstacle thp_obstacle(const ThpSettings& settings);

// One file of 3 us for each of the settings and of the sizes. Thread-safe; 2 KiB of stack. A later
// change of the settings is not followed.
ThpSettings read_thp_settings(ThpFiles files);
// thp_obstacle of the same, by three files.
ThpObstacle read_thp_obstacle(ThpFiles files);

// The names of the files' values; "unknown" where they could not be read.
const char* thp_enabled_name(ThpEnabled enabled);
const char* thp_defrag_name(ThpDefrag defrag);

}  // namespace hakmem
