// Owns: the command line and the JSON of one scenario run.
// Called by: bench/compare, people.
// Never: a result without the name of the library that malloc came from.
#include <dlfcn.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "process_memory.h"
#include "scenarios.h"

namespace {

// The file that the process's malloc lives in: what was measured, not what was asked for.
std::string allocator_in_use() {
  Dl_info information;
  void* function = dlsym(RTLD_DEFAULT, "malloc");
  if (function == nullptr || dladdr(function, &information) == 0) return "unknown";
  return information.dli_fname;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Runs one allocation scenario and prints its result as JSON.");
  std::string name;
  std::string allocator = "system";
  Request request{.threads = 1, .iterations = 0, .nothing = false};
  bool list = false;
  app.add_option("--scenario", name, "see --list");
  app.add_option("--allocator", allocator, "system: the process's malloc; nothing: do nothing")
      ->check(CLI::IsMember({"system", "nothing"}));
  app.add_option("--threads", request.threads, "threads at work")->check(CLI::Range(1, 1024));
  app.add_option("--iterations", request.iterations, "malloc/free pairs per thread; 0: default");
  app.add_flag("--list", list, "names and meanings of the scenarios");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (list) {
    for (const Scenario& scenario : scenarios()) {
      std::cout << scenario.name << '\t' << scenario.meaning << '\n';
    }
    return 0;
  }
  const Scenario* chosen = nullptr;
  for (const Scenario& scenario : scenarios()) {
    if (name == scenario.name) chosen = &scenario;
  }
  if (chosen == nullptr) {
    std::cerr << "scenarios: --scenario '" << name << "' is not known; --list shows them\n";
    return 2;
  }
  if (request.iterations == 0) request.iterations = chosen->iterations;
  request.nothing = allocator == "nothing";
  const uint64_t faults_before = process_memory().minor_faults;
  const Outcome outcome = chosen->run(request);
  const ProcessMemory memory = process_memory();
  nlohmann::ordered_json result = {
      {"scenario", name},
      {"threads", request.threads},
      {"iterations", request.iterations},
      {"allocator", request.nothing ? "nothing" : allocator_in_use()},
      {"ns_per_pair", outcome.ns_per_pair},
      {"peak_rss_kib", memory.peak_rss_kib},
      {"end_rss_kib", memory.rss_kib},
      {"faults", memory.minor_faults - faults_before},
  };
  for (const auto& [label, value] : outcome.latency_ns) result["latency_ns"][label] = value;
  std::cout << result.dump() << '\n';
  return 0;
}
