// Owns: the names of all variables, and which of them a wrong one nearly is.
// Called by: the parsing of the environment; the command, of --set.
// Never: an allocation.
#pragma once

#include "base/environment.h"

namespace hakmem {

// The variable whose name `name`, without "HAKMEM_", nearly is: one mistake in three letters;
// nullptr: none. The name of one is its own.
const char* nearest_variable(Text name);

}  // namespace hakmem
