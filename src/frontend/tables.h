// Owns: the tables of modes, features and options as rows of text, for what describes them.
// Called by: the command's checks, the generator of the man pages.
// Never: included by the library, which reads the tables itself.
#pragma once

namespace hakmem {

struct ModeRow {
  const char* name;
  const char* meaning;
};

inline constexpr ModeRow kModeRows[] = {
#define HAKMEM_MODE(name, meaning) {#name, meaning},
#include "frontend/modes.def"
#undef HAKMEM_MODE
};

// A feature or an option. `accepted` is a list such as "off|on", or words.
struct SettingRow {
  const char* name;
  const char* variable;
  const char* accepted;
  const char* meaning;
  const char* by_mode[sizeof kModeRows / sizeof *kModeRows];  // of features; null for options
  const char* fallback;                                       // of options; null for features
};

inline constexpr SettingRow kSettingRows[] = {
#define HAKMEM_FEATURE(name, variable, category, accepted, minimal, fast, balanced, learning, \
                       research, acted_on, meaning)                                           \
  {#name, variable, accepted, meaning, {minimal, fast, balanced, learning, research}, nullptr},
#include "frontend/features.def"
#undef HAKMEM_FEATURE
#define HAKMEM_OPTION(name, variable, accepted, fallback, meaning) \
  {#name, variable, accepted, meaning, {}, fallback},
#include "frontend/options.def"
#undef HAKMEM_OPTION
};

// A deprecated variable and the feature that it sets.
struct LegacyRow {
  const char* variable;
  const char* feature;
  const char* accepted;
};

inline constexpr LegacyRow kLegacyRows[] = {
#define HAKMEM_LEGACY(variable, feature, accepted, value) {variable, #feature, accepted},
#include "frontend/legacy.def"
#undef HAKMEM_LEGACY
};

}  // namespace hakmem
