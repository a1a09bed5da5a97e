// Owns: allocators by name: which library stands for one, and the check that it was in use.
// Called by: main.cc, idle.cc.
// Never: a result of a run whose malloc came from elsewhere.
#pragma once

#include <map>
#include <string>

// "system", "hakmem", "hakmem:MODE", "jemalloc", "mimalloc", "tcmalloc" or the path of a library.
struct Contestant {
  std::string preload;  // for LD_PRELOAD; empty: nothing
  std::string mode;     // of hakmem; empty: its default

  // Whether `file`, where the process's malloc lives, is this allocator.
  bool is(const std::string& file) const;
};

// The file that this process's malloc lives in: what was measured, not what was asked for.
std::string allocator_in_use();

// hakmem's mode in this process; empty without hakmem.
std::string mode_in_use();

// What hakmem makes of each feature that a variable of the environment sets (HAKMEM_THP=off), by
// the name of the variable; empty without hakmem.
std::map<std::string, std::string> features_in_use();

// Throws std::invalid_argument, with what is accepted, for any other text or a library that is not
// there. hakmem's library is looked for in the build that this program is part of.
Contestant contestant_of(const std::string& name);
