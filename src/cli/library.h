// Owns: where libhakmem.so is, and LD_PRELOAD.
// Called by: run.cc, configuration.cc, main.cc.
// Never: another entry of LD_PRELOAD lost.
#pragma once

#include <string>

namespace hakmem::cli {

// The library as the user named it, or beside the command, or where it is installed, in this order.
// Absolute. Throws Failure when there is none.
std::string find_library(const std::string& chosen);

// Puts the library in front of what LD_PRELOAD has, unless it is there already.
void preload(const std::string& library);

// "hakmem 0.1.0" and the library's path. Returns the exit status.
int print_version();

}  // namespace hakmem::cli
