// Owns: what the process runs with: mode, features, options, and where each value came from.
// Called by: life_cycle.cc (parse, apply), slow paths (reads), the control API (prints).
// Never: changed after start-up; an abort over a bad value; an allocation.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace hakmem {

enum class Mode : uint8_t {
#define HAKMEM_MODE(name, meaning) name,
#include "settings/modes.def"
#undef HAKMEM_MODE
};

enum class Feature : uint8_t {
#define HAKMEM_FEATURE(name, ...) name,
#include "settings/features.def"
#undef HAKMEM_FEATURE
};

enum class Option : uint8_t {
#define HAKMEM_OPTION(name, ...) name,
#include "settings/options.def"
#undef HAKMEM_OPTION
};

// One row of options.def.
struct OptionDescription {
  const char* name;
  const char* variable;
  const char* accepted;
  size_t bound;
  const char* fallback;
  const char* unit;
  const char* meaning;
};

inline constexpr OptionDescription kOptions[] = {
#define HAKMEM_OPTION(name, variable, kind, accepted, bound, fallback, unit, meaning) \
  {#name, variable, accepted, bound, fallback, unit, meaning},
#include "settings/options.def"
#undef HAKMEM_OPTION
};
inline constexpr size_t kOptionCount = sizeof kOptions / sizeof *kOptions;

enum class FeatureCategory : uint8_t { alloc, cache, learning, memory, debug };

enum class Source : uint8_t { kDefault, kMode, kCompiledIn, kEnvironment, kLegacyVariable };

enum class PurgeMethod : uint8_t { automatic, process_madvise, madvise, uring, off };

enum class Deepbind : uint8_t { redirect, strip, off };

enum class FreePolicy : uint8_t { batch, keep, adaptive };

// One row of features.def.
struct FeatureDescription {
  const char* name;
  const char* variable;
  FeatureCategory category;
  const char* accepted;
  std::array<const char*, 5> by_mode;
  bool acted_on;
  const char* meaning;
};

// Ordered by category, as features.def is.
inline constexpr FeatureDescription kFeatures[] = {
#define HAKMEM_FEATURE(name, variable, category, accepted, minimal, fast, balanced, learning, \
                       research, acted_on, meaning)                                           \
  {#name,                                                                                     \
   variable,                                                                                  \
   FeatureCategory::category,                                                                 \
   accepted,                                                                                  \
   {minimal, fast, balanced, learning, research},                                             \
   acted_on,                                                                                  \
   meaning},
#include "settings/features.def"
#undef HAKMEM_FEATURE
};
inline constexpr size_t kFeatureCount = sizeof kFeatures / sizeof *kFeatures;

// A feature's value: an index into its accepted values; 0 is off.
struct Setting {
  uint8_t value = 0;
  Source source = Source::kMode;
};

struct Configuration {
  Mode mode = Mode::balanced;
  Source mode_source = Source::kDefault;
  std::array<Setting, kFeatureCount> features{};
  std::array<Source, kOptionCount> option_sources{};
  size_t large_threshold = size_t{2} << 20;  // bytes
  size_t limit = SIZE_MAX;                   // bytes of resident memory to stay below
  size_t memory_price = 1500000;             // nanoseconds per MiB and second; 0: memory is free
  PurgeMethod purge = PurgeMethod::automatic;
  Deepbind deepbind = Deepbind::redirect;
  FreePolicy free_policy = FreePolicy::adaptive;
  char stats_file[256] = "";  // a copy: programs write over their environment
  bool verbose = false;
  bool filtered_out = false;  // by HAKMEM_ONLY

  bool has(Feature feature) const { return features[static_cast<size_t>(feature)].value != 0; }
  // Whether the feature is set to the entry `name` of its accepted values.
  bool is(Feature feature, const char* name) const;
};

// The configuration in force. Readable from the first malloc on.
const Configuration& configuration();

// Parses the compiled-in defaults and the environment, once; later calls do nothing. Shares are of
// `machine_bytes`. Not thread-safe against itself: the first allocation of a process happens on its
// only thread.
void parse_configuration(size_t machine_bytes);

// The name of the value a feature is set to, not terminated; its length in `length`.
const char* setting_name(Feature feature, size_t& length);
const char* mode_name(Mode mode);
const char* source_name(Source source);

// Prints a table of every feature and option to `descriptor`.
void print_configuration(int descriptor);

}  // namespace hakmem

// A program may define this to set its own defaults: "mode=fast,thp=off,large_threshold=4M".
// The environment overrides it.
extern "C" __attribute__((weak, visibility("default"))) const char* hakmem_conf;
