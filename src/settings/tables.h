// Owns: the tables of modes, features and options as rows of text, for what describes them.
// Called by: the command's checks, the generator of the man pages.
// Never: included by the library, which reads the tables itself.
#pragma once

#include <cstddef>

namespace hakmem {

struct ModeRow {
  const char* name;
  const char* meaning;
};

inline constexpr ModeRow kModeRows[] = {
#define HAKMEM_MODE(name, meaning) {#name, meaning},
#include "settings/modes.def"
#undef HAKMEM_MODE
};

enum class SettingKind { choice, number, share, text };

// A feature or an option. `accepted` is a list such as "off|on" of a choice, words otherwise.
struct SettingRow {
  const char* name;
  const char* variable;
  const char* accepted;
  const char* meaning;
  const char* by_mode[sizeof kModeRows / sizeof *kModeRows];  // of features; null for options
  const char* fallback;                                       // of options; null for features
  SettingKind kind;
  size_t bound;   // the least number, the most bytes of a text; 0: none
  bool acted_on;  // by this version
};

inline constexpr SettingRow kSettingRows[] = {
#define HAKMEM_FEATURE(name, variable, category, accepted, minimal, fast, balanced, learning, \
                       research, acted_on, meaning)                                           \
  {#name,                                                                                     \
   variable,                                                                                  \
   accepted,                                                                                  \
   meaning,                                                                                   \
   {minimal, fast, balanced, learning, research},                                             \
   nullptr,                                                                                   \
   SettingKind::choice,                                                                       \
   0,                                                                                         \
   acted_on},
#include "settings/features.def"
#undef HAKMEM_FEATURE
#define HAKMEM_OPTION(name, variable, kind, accepted, bound, fallback, unit, meaning) \
  {#name, variable, accepted, meaning, {}, fallback, SettingKind::kind, bound, true},
#include "settings/options.def"
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
#include "settings/legacy.def"
#undef HAKMEM_LEGACY
};

}  // namespace hakmem
