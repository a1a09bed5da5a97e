// Owns: the reading of the files of /sys/kernel/mm/transparent_hugepage.
// Called by: see thp_settings.h.
// Never: see thp_settings.h.
#include "backend/thp/thp_settings.h"

#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

#include <bit>
#include <charconv>

#include "backend/linux/guest/process_status.h"
#include "backend/linux/guest/small_file.h"
#include "base/environment.h"
#include "base/system_call.h"
#include "base/units.h"

namespace hakmem {
namespace {

// In the order of the enumerators, whose first is unknown.
constexpr char kEnabledNames[] = "always|madvise|never|inherit";
constexpr char kDefragNames[] = "always|defer|defer+madvise|madvise|never";

class ThpDirectory {
 public:
  explicit ThpDirectory(const char* root) {
    append(root);
    append("/sys/kernel/mm/transparent_hugepage/");
    length_of_directory_ = length_;
  }

  // The start of a file's text; empty when it cannot be read. Valid until the next call.
  Text read(const char* name) {
    length_ = length_of_directory_;
    append(name);
    return read();
  }

  Text read_enabled_of(size_t page_bytes) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, page_bytes / 1024).ptr;
    length_ = length_of_directory_;
    append("hugepages-");
    append({.data = digits, .length = static_cast<size_t>(end - digits)});
    append("kB/enabled");
    return read();
  }

 private:
  void append(const char* piece) { append({.data = piece, .length = strlen(piece)}); }

  void append(Text piece) {
    if (!fits_ || piece.length >= sizeof path_ - length_) {
      fits_ = false;
      return;
    }
    memcpy(path_ + length_, piece.data, piece.length);
    length_ += piece.length;
  }

  Text read() {
    if (!fits_) return {};
    path_[length_] = '\0';
    return {.data = text_, .length = read_start(path_, text_, sizeof text_)};
  }

  bool fits_ = true;
  size_t length_ = 0;
  size_t length_of_directory_ = 0;
  char path_[1024];
  char text_[128];
};

// Of "always [madvise] never", that which stands in brackets.
Text chosen(Text text) {
  take_until(text, '[');
  return take_until(text, ']');
}

// The enumerator whose name is chosen; the first, unknown, for every other text.
template <class Enumeration>
Enumeration choice(const char* names, Text text) {
  return static_cast<Enumeration>(index_in(names, chosen(text)) + 1);
}

ThpEnabled enabled_of(Text text) {
  return choice<ThpEnabled>(kEnabledNames, text);
}

size_t number_of(Text text, size_t otherwise) {
  size_t number = 0;
  const auto result = std::from_chars(text.data, text.data + text.length, number);
  return result.ec == std::errc{} ? number : otherwise;
}

ThpOfProcess process_setting() {
  constexpr long kDisabledExceptAdvised = 2;  // PR_THP_DISABLE_EXCEPT_ADVISED, Linux 6.18
  const long answer = system_call(SYS_prctl, PR_GET_THP_DISABLE);
  if (answer <= 0) return ThpOfProcess::kAllowed;
  return (answer & kDisabledExceptAdvised) != 0 ? ThpOfProcess::kAdvisedOnly
                                                : ThpOfProcess::kDisabled;
}

void read_what_decides(ThpDirectory& directory, ThpSettings& settings) {
  settings.system = enabled_of(directory.read("enabled"));
  settings.huge_page_bytes = number_of(directory.read("hpage_pmd_size"), 0);
  settings.huge_page = enabled_of(directory.read_enabled_of(
      settings.huge_page_bytes != 0 ? settings.huge_page_bytes : kHugePageSize));
}

void read_smaller_sizes(ThpDirectory& directory, ThpSettings& settings) {
  // The kernel has none of two pages.
  for (size_t bytes = getauxval(AT_PAGESZ) * 4; bytes < settings.huge_page_bytes; bytes *= 2) {
    ThpEnabled enabled = enabled_of(directory.read_enabled_of(bytes));
    if (enabled == ThpEnabled::kInherit) enabled = settings.system;
    const PageSizes size = PageSizes{1} << std::countr_zero(bytes);
    if (enabled == ThpEnabled::kAlways) settings.smaller_always |= size;
    if (enabled == ThpEnabled::kMadvise) settings.smaller_advised |= size;
  }
}

}  // namespace

ThpSettings read_thp_settings(ThpFiles files) {
  ThpDirectory directory(files.root);
  ThpSettings settings;
  read_what_decides(directory, settings);
  settings.process = process_setting();
  settings.defrag = choice<ThpDefrag>(kDefragNames, directory.read("defrag"));
  settings.max_ptes_none = number_of(directory.read("khugepaged/max_ptes_none"), SIZE_MAX);
  read_smaller_sizes(directory, settings);
  return settings;
}

ThpObstacle read_thp_obstacle(ThpFiles files) {
  ThpDirectory directory(files.root);
  ThpSettings settings;
  read_what_decides(directory, settings);
  // Not by prctl(2): a filter may kill for it.
  if (process_status_at_start().has_huge_pages_disabled) settings.process = ThpOfProcess::kDisabled;
  return thp_obstacle(settings);
}

ThpObstacle thp_obstacle(const ThpSettings& settings) {
  if (settings.process == ThpOfProcess::kDisabled) return ThpObstacle::kProcess;
  if (settings.effective() == ThpEnabled::kNever) return ThpObstacle::kSystem;
  const bool other_size =
      settings.huge_page_bytes != 0 && settings.huge_page_bytes != kHugePageSize;
  return other_size ? ThpObstacle::kPageSize : ThpObstacle::kNone;
}

const char* thp_enabled_name(ThpEnabled enabled) {
  constexpr const char* kNames[] = {"unknown", "always", "madvise", "never", "inherit"};
  return kNames[static_cast<size_t>(enabled)];
}

const char* thp_defrag_name(ThpDefrag defrag) {
  constexpr const char* kNames[] = {"unknown",       "always",  "defer",
                                    "defer+madvise", "madvise", "never"};
  return kNames[static_cast<size_t>(defrag)];
}

}  // namespace hakmem
