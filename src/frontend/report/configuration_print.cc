// Owns: the table that HAKMEM_VERBOSE=1 and hakmem_print_configuration show.
// Called by: life_cycle.cc, control.cc.
// Never: a feature shown as on that this version does not act on.
#include "backend/linux/memory/purge_ladder.h"
#include "base/environment.h"
#include "base/log.h"
#include "control/background.h"
#include "control/huge_pages.h"
#include "frontend/version.h"
#include "settings/configuration.h"

namespace hakmem {
namespace {

constexpr size_t kColumn = 17;
constexpr size_t kOptionColumn = 48;

const char* category_name(FeatureCategory category) {
  switch (category) {
    case FeatureCategory::alloc:
      return "alloc";
    case FeatureCategory::cache:
      return "cache";
    case FeatureCategory::learning:
      return "learning";
    case FeatureCategory::memory:
      return "memory";
    case FeatureCategory::debug:
      return "debug";
  }
  return "";
}

void pad_to(Line& line, size_t column) {
  while (line.length() < column) line.text(" ", 1);
}

void print_feature(const FeatureDescription& feature, int descriptor) {
  const auto index = static_cast<size_t>(&feature - kFeatures);
  size_t length;
  const char* value = setting_name(static_cast<Feature>(index), length);
  Line line;
  line.text("  ").padded(category_name(feature.category), 10).padded(feature.name, 12);
  if (feature.acted_on) {
    line.text(value, length);
    pad_to(line, 33);
    line.padded(source_name(configuration().features[index].source), kColumn);
  } else {
    line.padded("off", 9).text("not in this version; asked for: ").text(value, length);
    line.text(" (").text(source_name(configuration().features[index].source)).text("), ");
  }
  line.text(feature.meaning).send(descriptor);
}

void print_number(Line& line, size_t number, const char* unit) {
  if (number == SIZE_MAX) {
    line.text("none");
  } else {
    line.decimal(number).text(" ").text(unit);
  }
}

void print_value(Line& line, const OptionDescription& option) {
  const Configuration& settings = configuration();
  const auto entry = [&](auto index) {
    const Text name = entry_of(option.accepted, static_cast<int>(index));
    line.text(name.data, name.length);
  };
  switch (static_cast<Option>(&option - kOptions)) {
    case Option::only:
      line.text(settings.filtered_out ? "others" : "all or this");
      break;
    case Option::verbose:
      entry(settings.verbose);
      break;
    case Option::stats_file:
      line.text(*settings.stats_file != '\0' ? settings.stats_file : option.fallback);
      break;
    case Option::large_threshold:
      print_number(line, settings.large_threshold, option.unit);
      break;
    case Option::limit:
      print_number(line, settings.limit, option.unit);
      if (settings.limit != SIZE_MAX && !settings.has(Feature::pressure)) {
        line.text(", not watched: pressure is off");
      }
      break;
    case Option::memory_price:
      print_number(line, settings.memory_price, option.unit);
      break;
    case Option::purge:
      entry(settings.purge);
      break;
    case Option::deepbind:
      entry(settings.deepbind);
      break;
    case Option::free_policy:
      entry(settings.free_policy);
      break;
  }
}

void print_option(const OptionDescription& option, int descriptor) {
  const auto index = static_cast<size_t>(&option - kOptions);
  Line line;
  line.text("  option    ").padded(option.name, 16);
  print_value(line, option);
  line.text(" ", 1);
  pad_to(line, kOptionColumn);
  line.padded(source_name(configuration().option_sources[index]), kColumn);
  line.text(option.meaning).send(descriptor);
}

}  // namespace

void print_configuration(int descriptor) {
  const Configuration& settings = configuration();
  Line line;
  line.text("hakmem " HAKMEM_VERSION_STRING ": mode ").text(mode_name(settings.mode));
  line.text(" (").text(source_name(settings.mode_source)).text(")");
  if (settings.filtered_out) line.text(", this program is not in HAKMEM_ONLY");
  line.send(descriptor);
  if (settings.mode == Mode::learning || settings.mode == Mode::research) {
    line.text("  this version does not learn yet: ").text(mode_name(settings.mode));
    line.text(" runs as balanced").send(descriptor);
  }
  for (const FeatureDescription& feature : kFeatures) print_feature(feature, descriptor);
  for (const OptionDescription& option : kOptions) print_option(option, descriptor);
  line.text("  in use    purge           ").text(purge_rung_name(purge_rung())).send(descriptor);
  line.text("  in use    background      ").text(background_in_use()).send(descriptor);
  print_huge_pages(descriptor);
}

}  // namespace hakmem
