// Owns: what the file of a program tells before it runs.
// Called by: run.cc.
// Never: the last word; the library in the running program has it.
#pragma once

#include <string>

namespace hakmem::cli {

// The file that execvp(3) would execute; empty when there is none.
std::string find_program(const std::string& name);

// Why the loader will not put a preloaded library into this program, for the reader of a message;
// empty when nothing is known to be in the way. Looks through one "#!" line.
std::string obstacle_to_preload(const std::string& file);

}  // namespace hakmem::cli
