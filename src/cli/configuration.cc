// Owns: the second execution under the preload.
// Called by: see configuration.h.
// Never: executed a third time.
#include "cli/configuration.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "cli/exit_status.h"
#include "cli/library.h"

namespace hakmem::cli {
namespace {

constexpr const char* kSecondTime = "HAKMEM_COMMAND_PRELOADED";

}  // namespace

int print_configuration(const Settings& settings, char** argv) {
  if (getenv(kSecondTime) != nullptr) {
    auto* print =
        reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "hakmem_print_configuration"));
    if (print == nullptr) {
      throw Failure{kLauncherFailed,
                    fmt::format("{} could not be preloaded", getenv("LD_PRELOAD"))};
    }
    print(STDOUT_FILENO);
    return EXIT_SUCCESS;
  }
  export_settings(settings);
  preload(find_library(settings.library));
  setenv(kSecondTime, "1", 1);
  execv("/proc/self/exe", argv);
  throw Failure{kLauncherFailed, fmt::format("cannot execute itself: {}", strerror(errno))};
}

}  // namespace hakmem::cli
