// Owns: guard pages of the checks: whether there are any, and what happens where one is refused.
// Called by: checks.cc.
// Never: a range left half guarded in silence; guards given up for all blocks because one range,
// locked for instance, cannot have them.
#pragma once

#include <cstdint>

namespace hakmem {

enum class Guarding : uint8_t {
  kDone,
  kRefused,  // the pages are accessible, their contents may be gone
  kStuck,    // some became guards, and the kernel does not take them away either
};

// Whole pages. What they held is gone.
Guarding install_guards(char* from, const char* end);

// The pages read as zeros. False: the kernel refuses, nobody may touch them again.
bool remove_guards(char* from, const char* end);

// The pages around [from, end) may be read and written again, whatever mprotect(2) made of them.
void restore_access(char* from, const char* end);

}  // namespace hakmem
