// Owns: the table that HAKMEM_VERBOSE=1 and hakmem_print_configuration show.
// Called by: life_cycle.cc, control.cc.
// Never: a feature shown as on that this version does not act on.
#include "backend/linux/memory/purge_ladder.h"
#include "base/log.h"
#include "frontend/background.h"
#include "frontend/configuration.h"
#include "frontend/huge_pages.h"
#include "frontend/version.h"

namespace hakmem {
namespace {

constexpr size_t kColumn = 17;

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
  line.text("  option    large_threshold ").decimal(settings.large_threshold).send(descriptor);
  if (settings.limit != SIZE_MAX) {
    line.text("  option    limit           ").decimal(settings.limit);
    if (!settings.has(Feature::pressure)) line.text(", not watched: pressure is off");
    line.send(descriptor);
  }
  line.text("  option    memory_price    ").decimal(settings.memory_price).send(descriptor);
  const char* deepbind[] = {"redirect", "strip", "off"};
  line.text("  option    deepbind        ").text(deepbind[static_cast<size_t>(settings.deepbind)]);
  line.send(descriptor);
  const char* policies[] = {"batch", "keep", "adaptive"};
  line.text("  option    free_policy     ")
      .text(policies[static_cast<size_t>(settings.free_policy)]);
  line.send(descriptor);
  if (*settings.stats_file != '\0') {
    line.text("  option    stats_file      ").text(settings.stats_file).send(descriptor);
  }
  line.text("  in use    purge           ").text(purge_rung_name(purge_rung())).send(descriptor);
  line.text("  in use    background      ").text(background_in_use()).send(descriptor);
  print_huge_pages(descriptor);
}

}  // namespace hakmem
