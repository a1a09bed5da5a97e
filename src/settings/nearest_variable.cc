// Owns: see nearest_variable.h.
// Called by: see nearest_variable.h.
// Never: see nearest_variable.h.
#include "settings/nearest_variable.h"

#include <string.h>

#include <algorithm>
#include <cstdint>

namespace hakmem {
namespace {

constexpr size_t kPrefix = sizeof "HAKMEM_" - 1;

constexpr const char* kVariables[] = {
    "HAKMEM_MODE",
    // Of the command.
    "HAKMEM_LIBRARY",
    "HAKMEM_HANDSHAKE",
    "HAKMEM_COMMAND_PRELOADED",
#define HAKMEM_FEATURE(name, variable, ...) variable,
#include "settings/features.def"
#undef HAKMEM_FEATURE
#define HAKMEM_OPTION(name, variable, ...) variable,
#include "settings/options.def"
#undef HAKMEM_OPTION
#define HAKMEM_LEGACY(variable, ...) variable,
#include "settings/legacy.def"
#undef HAKMEM_LEGACY
};

constexpr size_t kLongest = 32;

// Letters left out, too many, other ones, or two neighbours swapped (optimal string alignment).
size_t mistakes(Text wrong, Text right) {
  if (wrong.length > kLongest || right.length > kLongest) return kLongest;
  uint8_t rows[3][kLongest + 1];
  uint8_t* before_last = rows[0];
  uint8_t* last = rows[1];
  uint8_t* row = rows[2];
  for (size_t at = 0; at <= right.length; ++at) row[at] = static_cast<uint8_t>(at);
  for (size_t y = 1; y <= wrong.length; ++y) {
    uint8_t* const oldest = before_last;
    before_last = last;
    last = row;
    row = oldest;
    row[0] = static_cast<uint8_t>(y);
    for (size_t x = 1; x <= right.length; ++x) {
      const bool same = wrong.data[y - 1] == right.data[x - 1];
      const bool swapped = y > 1 && x > 1 && wrong.data[y - 1] == right.data[x - 2] &&
                           wrong.data[y - 2] == right.data[x - 1];
      int least = std::min({last[x] + 1, row[x - 1] + 1, last[x - 1] + (same ? 0 : 1)});
      if (swapped) least = std::min(least, before_last[x - 2] + 1);
      row[x] = static_cast<uint8_t>(least);
    }
  }
  return row[right.length];
}

Text without_prefix(const char* variable) {
  return {.data = variable + kPrefix, .length = strlen(variable) - kPrefix};
}

}  // namespace

const char* nearest_variable(Text name) {
  const char* nearest = nullptr;
  size_t fewest = name.length / 3 + 1;
  for (const char* variable : kVariables) {
    const size_t found = mistakes(name, without_prefix(variable));
    if (found >= fewest) continue;
    fewest = found;
    nearest = variable;
  }
  return nearest;
}

}  // namespace hakmem
