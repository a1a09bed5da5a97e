// Owns: the second execution under the preload.
// Called by: see configuration.h.
// Never: executed a third time.
#include "cli/configuration.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "cli/exit_status.h"
#include "cli/library.h"
#include "cli/report.h"

namespace hakmem::cli {
namespace {

// Set to the number of this process, which exec keeps: whatever else it holds was set by others.
constexpr const char* kSecondTime = "HAKMEM_COMMAND_PRELOADED";

bool is_second_time() {
  const char* process = getenv(kSecondTime);
  return process != nullptr && process == std::to_string(getpid());
}

// The library prints to a descriptor and does not say how that went.
std::string text_of(void (*print_to)(int)) {
  const int file = memfd_create("configuration", MFD_CLOEXEC);
  if (file < 0) {
    throw Failure{kLauncherFailed, fmt::format("no memory for the answer: {}", strerror(errno))};
  }
  print_to(file);
  lseek(file, 0, SEEK_SET);
  std::string text;
  char part[4096];
  for (ssize_t length; (length = read(file, part, sizeof part)) > 0;) {
    text.append(part, static_cast<size_t>(length));
  }
  close(file);
  return text;
}

}  // namespace

int print_configuration(const Settings& settings, char** argv) {
  if (is_second_time()) {
    auto* print_to =
        reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "hakmem_print_configuration"));
    if (print_to == nullptr) {
      throw Failure{kLauncherFailed,
                    fmt::format("{} could not be preloaded", find_library(settings.library))};
    }
    // Its exit would print and write what is asked of the programs to come.
    _exit(print(text_of(print_to)));
  }
  export_settings(settings);
  preload(find_library(settings.library));
  setenv(kSecondTime, std::to_string(getpid()).c_str(), 1);
  execv("/proc/self/exe", argv);
  throw Failure{kLauncherFailed, fmt::format("cannot execute itself: {}", strerror(errno))};
}

}  // namespace hakmem::cli
