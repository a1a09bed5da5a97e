// Owns: the one Configuration and its parsing.
// Called by: see configuration.h.
// Never: a bad value passed over in silence: one line on stderr, then the value that applies.
#include "settings/configuration.h"

#include <string.h>

#include "base/environment.h"
#include "base/log.h"
#include "settings/nearest_variable.h"

namespace hakmem {
namespace {

constexpr const char* kModeNames =
#define HAKMEM_MODE(name, meaning) "|" #name
#include "settings/modes.def"
#undef HAKMEM_MODE
    ;
constexpr const char* kModes = kModeNames + 1;

static_assert(kOptions[static_cast<size_t>(Option::stats_file)].bound ==
              sizeof Configuration::stats_file - 1);

struct LegacyVariable {
  const char* variable;
  Feature feature;
  const char* accepted;
  const char* value;
};

constexpr LegacyVariable kLegacyVariables[] = {
#define HAKMEM_LEGACY(variable, feature, accepted, value) \
  {variable, Feature::feature, accepted, value},
#include "settings/legacy.def"
#undef HAKMEM_LEGACY
};

constinit Configuration current;
constinit bool parsed = false;
constinit size_t whole_machine = 0;  // bytes

void complain(const char* variable, Text value, const char* accepted, Text used) {
  Line line;
  line.text("hakmem: ").text(variable).text("=").text(value.data, value.length);
  line.text(" is not accepted (").text(accepted).text("), using ").text(used.data, used.length);
  line.send();
}

Text text_of(const char* string) {
  return {.data = string, .length = strlen(string)};
}

void set_mode(Text value, Source source, const char* variable) {
  if (!value.present()) return;
  const int index = index_in(kModes, value);
  if (index < 0) {
    complain(variable, value, kModes, text_of(mode_name(current.mode)));
    return;
  }
  current.mode = static_cast<Mode>(index);
  current.mode_source = source;
}

void apply_mode() {
  for (size_t index = 0; index < kFeatureCount; ++index) {
    const FeatureDescription& feature = kFeatures[index];
    const char* value = feature.by_mode[static_cast<size_t>(current.mode)];
    current.features[index] = {
        .value = static_cast<uint8_t>(index_in(feature.accepted, text_of(value))),
        .source = Source::kMode};
  }
}

void say_that_nothing_acts_on(const char* variable, Text value) {
  Line line;
  line.text("hakmem: ").text(variable).text("=").text(value.data, value.length);
  line.text(" does nothing: this version does not have it yet").send();
}

void set_feature(size_t index, Text value, Source source, const char* variable) {
  if (!value.present()) return;
  const FeatureDescription& feature = kFeatures[index];
  Setting& setting = current.features[index];
  int chosen = index_in(feature.accepted, value);
  if (chosen < 0) {
    // Switches take 0 and 1 as well.
    const int digit = index_in("0|1", value);
    if (digit >= 0 && strncmp(feature.accepted, "off|on", strlen("off|on")) == 0) chosen = digit;
  }
  if (chosen < 0) {
    complain(variable, value, feature.accepted, entry_of(feature.accepted, setting.value));
    return;
  }
  setting = {.value = static_cast<uint8_t>(chosen), .source = source};
  if (!feature.acted_on && chosen != 0) say_that_nothing_acts_on(variable, value);
}

// Whether one of `names`, separated by commas, is the program's: of a script, its own or its
// interpreter's.
bool names_this_program(Text names) {
  const Text program = program_name();
  const Text executable = executable_name();
  while (names.length > 0) {
    const Text name = take_until(names, ',');
    if (name.is(program) || name.is(executable)) return true;
  }
  return false;
}

void set_option(Option option, Text value, Source source, const char* variable) {
  if (!value.present()) return;
  const OptionDescription& description = kOptions[static_cast<size_t>(option)];
  bool accepted = true;
  switch (option) {
    case Option::only:
      current.filtered_out = value.length > 0 && !names_this_program(value);
      break;
    case Option::verbose: {
      const int index = index_in(description.accepted, value);
      accepted = index >= 0;
      if (accepted) current.verbose = index == 1;
      break;
    }
    case Option::stats_file:
      accepted = value.length <= description.bound;
      if (accepted) memcpy(current.stats_file, value.data, value.length);
      break;
    case Option::large_threshold: {
      size_t bytes;
      accepted = parse_bytes(value, bytes) && bytes >= description.bound;
      if (accepted) current.large_threshold = bytes;
      break;
    }
    case Option::limit: {
      size_t bytes;
      accepted = parse_share(value, whole_machine, bytes) ||
                 (parse_bytes(value, bytes) && bytes >= description.bound);
      if (accepted) current.limit = bytes;
      break;
    }
    case Option::memory_price:
      accepted = parse_bytes(value, current.memory_price);
      break;
    case Option::purge: {
      const int index = index_in(description.accepted, value);
      accepted = index >= 0;
      if (accepted) current.purge = static_cast<PurgeMethod>(index);
      break;
    }
    case Option::deepbind: {
      const int index = index_in(description.accepted, value);
      accepted = index >= 0;
      if (accepted) current.deepbind = static_cast<Deepbind>(index);
      break;
    }
    case Option::free_policy: {
      const int index = index_in(description.accepted, value);
      accepted = index >= 0;
      if (accepted) current.free_policy = static_cast<FreePolicy>(index);
      break;
    }
  }
  if (accepted) {
    current.option_sources[static_cast<size_t>(option)] = source;
  } else {
    complain(variable, value, description.accepted, text_of(description.fallback));
  }
}

// Calls `visit(name, value)` for each "name=value" of the compiled-in string.
template <class Visit>
void for_each_compiled_in(Visit visit) {
  if (&hakmem_conf == nullptr || hakmem_conf == nullptr) return;
  Text rest = text_of(hakmem_conf);
  while (rest.length > 0) {
    Text value = take_until(rest, ',');
    const Text name = take_until(value, '=');
    visit(name, value);
  }
}

void parse_compiled_in_mode() {
  for_each_compiled_in([](Text name, Text value) {
    if (name.equals("mode")) set_mode(value, Source::kCompiledIn, "hakmem_conf mode");
  });
}

void parse_compiled_in_settings() {
  for_each_compiled_in([](Text name, Text value) {
    bool known = name.equals("mode");
    for (size_t index = 0; index < kFeatureCount; ++index) {
      if (!name.equals(kFeatures[index].name)) continue;
      set_feature(index, value, Source::kCompiledIn, kFeatures[index].name);
      known = true;
    }
    for (const OptionDescription& option : kOptions) {
      if (!name.equals(option.name)) continue;
      set_option(static_cast<Option>(&option - kOptions), value, Source::kCompiledIn, option.name);
      known = true;
    }
    if (!known) {
      Line line;
      line.text("hakmem: hakmem_conf: ").text(name.data, name.length);
      line.text(" is no feature or option, ignored").send();
    }
  });
}

void parse_environment() {
  for (const LegacyVariable& legacy : kLegacyVariables) {
    const Text value = environment_variable(legacy.variable);
    if (!value.present()) continue;
    const auto feature = static_cast<size_t>(legacy.feature);
    const int index = index_in(legacy.accepted, value);
    if (index < 0) {
      complain(legacy.variable, value, legacy.accepted,
               entry_of(kFeatures[feature].accepted, current.features[feature].value));
    } else if (strcmp(legacy.value, "=") == 0) {
      set_feature(feature, value, Source::kLegacyVariable, legacy.variable);
    } else if (index == 1) {
      set_feature(feature, text_of(legacy.value), Source::kLegacyVariable, legacy.variable);
    }
  }
  for (size_t index = 0; index < kFeatureCount; ++index) {
    const char* variable = kFeatures[index].variable;
    set_feature(index, environment_variable(variable), Source::kEnvironment, variable);
  }
  for (const OptionDescription& option : kOptions) {
    set_option(static_cast<Option>(&option - kOptions), environment_variable(option.variable),
               Source::kEnvironment, option.variable);
  }
}

// Not a word about a name that resembles none of ours: others may call theirs HAKMEM_ too.
void name_misspelt_variables() {
  for (char** entry = environment_variables(); *entry != nullptr; ++entry) {
    Text rest = text_of(*entry);
    Text name = take_until(rest, '=');
    if (!take_until(name, '_').is(text_of("HAKMEM"))) continue;
    const char* nearest = nearest_variable(name);
    if (nearest == nullptr || text_of(nearest + strlen("HAKMEM_")).is(name)) continue;
    Line line;
    line.text("hakmem: HAKMEM_").text(name.data, name.length);
    line.text(" is not read: is ").text(nearest).text(" meant?").send();
  }
}

}  // namespace

bool Configuration::is(Feature feature, const char* name) const {
  const auto index = static_cast<size_t>(feature);
  return entry_of(kFeatures[index].accepted, features[index].value).equals(name);
}

const Configuration& configuration() {
  return current;
}

void parse_configuration(size_t machine_bytes) {
  if (parsed) return;
  parsed = true;
  whole_machine = machine_bytes;
  parse_compiled_in_mode();
  set_mode(environment_variable("HAKMEM_MODE"), Source::kEnvironment, "HAKMEM_MODE");
  apply_mode();
  parse_compiled_in_settings();
  parse_environment();
  name_misspelt_variables();
  if (current.filtered_out) {
    current.mode = Mode::minimal;
    current.mode_source = Source::kEnvironment;
    apply_mode();
  }
}

const char* mode_name(Mode mode) {
  switch (mode) {
#define HAKMEM_MODE(name, meaning) \
  case Mode::name:                 \
    return #name;
#include "settings/modes.def"
#undef HAKMEM_MODE
  }
  return "";
}

const char* source_name(Source source) {
  switch (source) {
    case Source::kDefault:
      return "default";
    case Source::kMode:
      return "mode";
    case Source::kCompiledIn:
      return "compiled in";
    case Source::kEnvironment:
      return "environment";
    case Source::kLegacyVariable:
      return "legacy variable";
  }
  return "";
}

const char* setting_name(Feature feature, size_t& length) {
  const auto index = static_cast<size_t>(feature);
  const Text entry = entry_of(kFeatures[index].accepted, current.features[index].value);
  length = entry.length;
  return entry.data;
}

}  // namespace hakmem
