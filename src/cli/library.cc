// Owns: the search for the library.
// Called by: see library.h.
// Never: a relative path in LD_PRELOAD: the program may change its directory before it executes
// another.
#include "cli/library.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "cli/elf_file.h"
#include "cli/exit_status.h"
#include "cli/report.h"

namespace hakmem::cli {
namespace {

namespace fs = std::filesystem;

std::string absolute_file(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return "";
  const fs::path full = fs::canonical(path, error);
  return error ? "" : full.string();
}

}  // namespace

std::string find_library(const std::string& chosen) {
  std::string found;
  if (!chosen.empty()) {
    found = absolute_file(chosen);
    if (found.empty())
      throw Failure{kLauncherFailed, fmt::format("there is no library {}", chosen)};
  } else {
    std::error_code error;
    const fs::path here = fs::read_symlink("/proc/self/exe", error).parent_path();
    for (const fs::path& candidate :
         {here / "libhakmem.so", here / HAKMEM_LIBRARY_FROM_COMMAND, fs::path(HAKMEM_LIBRARY)}) {
      found = absolute_file(candidate);
      if (!found.empty()) break;
    }
    if (found.empty()) {
      throw Failure{kLauncherFailed,
                    fmt::format("libhakmem.so is neither beside this command nor at {}; name it by "
                                "--library",
                                HAKMEM_LIBRARY)};
    }
  }
  const ElfFile file(found);
  if (!file.is_native() || !file.is_shared_object() || !file.defines("hakmem_version")) {
    throw Failure{kLauncherFailed, fmt::format("{} is not a libhakmem.so", found)};
  }
  if (found.find_first_of(": ") != std::string::npos) {
    throw Failure{kLauncherFailed,
                  fmt::format("{}: LD_PRELOAD cannot hold a path with a colon or a space", found)};
  }
  return found;
}

void preload(const std::string& library) {
  const char* before = getenv("LD_PRELOAD");
  const std::string list = before != nullptr ? before : "";
  size_t start = 0;
  while (start < list.size()) {
    const size_t end = std::min(list.find_first_of(": ", start), list.size());
    if (list.compare(start, end - start, library) == 0) return;
    start = end + 1;
  }
  const std::string value = list.empty() ? library : fmt::format("{}:{}", library, list);
  setenv("LD_PRELOAD", value.c_str(), 1);
}

int print_version() {
  std::string library;
  try {
    library = fmt::format("library {}", find_library(""));
  } catch (const Failure& failure) {
    library = fmt::format("library not found: {}", failure.message);
  }
  return print(fmt::format("hakmem {}\n{}\n", HAKMEM_VERSION_STRING, library));
}

}  // namespace hakmem::cli
