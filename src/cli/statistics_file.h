// Owns: `--stats FILE`: what can be told of the file before the program runs.
// Called by: run.cc.
// Never: a path passed on that the library would refuse or could not write.
#pragma once

#include <string>

namespace hakmem::cli {

// Adds the file to this process's environment, for what it executes, and switches the statistics
// on. Throws Failure.
void export_statistics_file(const std::string& file);

}  // namespace hakmem::cli
