// Owns: `hakmem config`.
// Called by: main.cc.
// Never: a configuration worked out here: the library prints its own.
#pragma once

#include "cli/settings.h"

namespace hakmem::cli {

// Executes this command once more with the library preloaded, which then prints what is in force.
// `argv` is main's. Returns the exit status; throws Failure.
int print_configuration(const Settings& settings, char** argv);

}  // namespace hakmem::cli
