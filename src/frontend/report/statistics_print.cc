// Owns: the layout of the printed statistics.
// Called by: see statistics_print.h.
// Never: a second list of what there is: statistics.cc has it.
#include "frontend/report/statistics_print.h"

#include <unistd.h>

#include "backend/linux/memory/purge_ladder.h"
#include "base/environment.h"
#include "base/log.h"
#include "base/system_call.h"
#include "control/background.h"
#include "frontend/report/report_file.h"
#include "frontend/report/statistics.h"
#include "frontend/version.h"
#include "settings/configuration.h"

namespace hakmem {
namespace {

void append_value(Line& line, uint64_t value, const char* unknown) {
  if (value == kUnknownValue) {
    line.text(unknown);
  } else {
    line.decimal(value);
  }
}

// The path with %p as the process' number and %e as the program's name.
Line expanded(const char* path) {
  Line line;
  for (const char* at = path; *at != '\0'; ++at) {
    if (at[0] == '%' && at[1] == 'p') {
      line.decimal(static_cast<uint64_t>(system_call(SYS_getpid)));
      ++at;
    } else if (at[0] == '%' && at[1] == 'e') {
      const Text program = program_name();
      line.text(program.data, program.length);
      ++at;
    } else {
      line.text(at, 1);
    }
  }
  line.text("", 1);
  return line;
}

}  // namespace

void print_statistics_at_exit() {
  const bool json = configuration().is(Feature::statistics, "json");
  const auto print = json ? print_statistics_as_json : print_statistics;
  const char* file = configuration().stats_file;
  if (*file == '\0') {
    print(STDERR_FILENO);
    return;
  }
  const Line path = expanded(file);
  const int descriptor = open_report(path.data());
  if (descriptor < 0) {
    Line line;
    line.text("hakmem: statistics cannot be written to ").text(path.data()).send();
    return;
  }
  print(descriptor);
  close_report(descriptor);
}

void print_statistics(int descriptor) {
  Statistic statistics[kMostStatistics];
  const size_t count = collect_statistics(statistics);
  Line line;
  line.text("hakmem " HAKMEM_VERSION_STRING " statistics, mode ");
  line.text(mode_name(configuration().mode)).send(descriptor);
  for (const Statistic* each = statistics; each != statistics + count; ++each) {
    line.text("  ").padded(each->name, 24);
    append_value(line, each->value, "unknown");
    while (line.length() < 42) line.text(" ", 1);
    line.text("  ").text(each->meaning).send(descriptor);
  }
}

void print_statistics_as_json(int descriptor) {
  Statistic statistics[kMostStatistics];
  const size_t count = collect_statistics(statistics);
  Line line;
  line.text("{\"schema\": 1, \"version\": \"" HAKMEM_VERSION_STRING "\", \"mode\": \"");
  line.text(mode_name(configuration().mode)).text("\", \"purge\": \"");
  line.text(purge_rung_name(purge_rung())).text("\", \"background\": \"");
  line.text(background_in_use()).text("\", \"statistics\": {").send(descriptor);
  for (const Statistic* each = statistics; each != statistics + count; ++each) {
    line.text("  \"").text(each->name).text("\": ");
    append_value(line, each->value, "null");
    line.text(each + 1 != statistics + count ? "," : "").send(descriptor);
  }
  line.text("}}").send(descriptor);
}

}  // namespace hakmem
