// Owns: the notice of a variable that nothing reads, where its name is nearly one that something does.
// Called by: the parsing of the environment.
// Never: a word about a name that resembles none: others may call theirs HAKMEM_ too.
#pragma once

namespace hakmem {

// One line for each on stderr.
void name_misspelt_variables();

}  // namespace hakmem
