// Owns: the command line and the JSON of scenario runs, each in a process of its own where an
// allocator is named.
// Called by: bench/scenarios, bench/compare, bench/matrix, people.
// Never: a result without the name of the library that malloc came from.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "contestant.h"
#include "process_memory.h"
#include "scenarios.h"

namespace {

using json = nlohmann::ordered_json;

void print_list() {
  for (const Scenario& scenario : scenarios()) {
    std::cout << scenario.name << '\t' << scenario.iterations << '\t' << scenario.meaning << '\n';
  }
}

// Runs the scenario in this process, on whatever malloc it has.
json measure(const Scenario& scenario, const Request& request) {
  const uint64_t faults_before = process_memory().minor_faults;
  const Outcome outcome = scenario.run(request);
  const ProcessMemory memory = process_memory();
  json result = {
      {"scenario", scenario.name},
      {"threads", request.threads},
      {"iterations", request.iterations},
      {"allocator", request.nothing ? "nothing" : allocator_in_use()},
      {"mode", mode_in_use()},
      {"features", features_in_use()},
      {"unit", scenario.unit},
      {"ns_per_" + std::string(scenario.unit), outcome.ns},
      {"peak_rss_kib", memory.peak_rss_kib},
      {"end_rss_kib", memory.rss_kib},
      {"faults", memory.minor_faults - faults_before},
  };
  if (scenario.mebibytes != 0) result["mebibytes"] = request.mebibytes;
  for (const auto& [name, value] : outcome.numbers) result[name] = value;
  for (const auto& [label, value] : outcome.latency_ns) result["latency_ns"][label] = value;
  return result;
}

// The same in a new process with the contestant preloaded; checks that it was in use.
json measure_under(const Contestant& contestant, const Scenario& scenario, const Request& request) {
  const std::string threads = std::to_string(request.threads);
  const std::string iterations = std::to_string(request.iterations);
  const std::string mebibytes = std::to_string(request.mebibytes);
  int output[2];
  if (pipe2(output, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  const pid_t child = fork();
  if (child == 0) {
    dup2(output[1], STDOUT_FILENO);
    if (contestant.preload.empty()) {
      unsetenv("LD_PRELOAD");
    } else {
      setenv("LD_PRELOAD", contestant.preload.c_str(), 1);
    }
    if (!contestant.mode.empty()) setenv("HAKMEM_MODE", contestant.mode.c_str(), 1);
    execl("/proc/self/exe", "scenarios", "--scenario", scenario.name, "--threads", threads.c_str(),
          "--iterations", iterations.c_str(), "--mebibytes", mebibytes.c_str(), nullptr);
    _exit(127);
  }
  close(output[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t length; (length = read(output[0], buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<size_t>(length));
  }
  close(output[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0) throw std::runtime_error("the run ended with status " + std::to_string(status));
  json result = json::parse(text);
  if (!contestant.is(result["allocator"])) {
    throw std::runtime_error("malloc came from " + result["allocator"].get<std::string>());
  }
  if (!contestant.mode.empty() && result["mode"] != contestant.mode) {
    throw std::runtime_error("the mode was " + result["mode"].get<std::string>());
  }
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Runs one allocation scenario and prints its result as JSON.");
  std::string name;
  std::string allocator;
  unsigned runs = 1;
  Request request{.threads = 1, .iterations = 0, .mebibytes = 0, .nothing = false};
  bool list = false;
  app.add_option("--scenario", name, "see --list");
  app.add_option("--allocator", allocator,
                 "nothing: functions that return at once; system, hakmem, hakmem:MODE, jemalloc, "
                 "mimalloc, tcmalloc or the path of a library: checked in a process of its own; "
                 "without: this process's malloc");
  app.add_option("--runs", runs, "processes, one after the other; more than one: an array")
      ->check(CLI::Range(1, 100'000));
  app.add_option("--threads", request.threads, "threads at work")->check(CLI::Range(1, 1024));
  app.add_option("--iterations", request.iterations,
                 "malloc/free pairs per thread, or what --list says; 0: default")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--mebibytes", request.mebibytes,
                 "of memory, all threads together, in the scenarios about much; 0: default")
      ->check(CLI::Range(0, 1 << 20));
  app.add_flag("--list", list, "names, usual iterations and meanings of the scenarios");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (list) {
    print_list();
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
  if (request.mebibytes == 0) request.mebibytes = chosen->mebibytes;
  request.nothing = allocator == "nothing";
  json results = json::array();
  try {
    const bool here = allocator.empty() || request.nothing;
    const Contestant contestant = here ? Contestant{} : contestant_of(allocator);
    for (unsigned run = 0; run < runs; ++run) {
      results.push_back(here ? measure(*chosen, request)
                             : measure_under(contestant, *chosen, request));
    }
  } catch (const std::invalid_argument& error) {
    std::cerr << "scenarios: " << error.what() << '\n';
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "scenarios: " << allocator << ": " << error.what() << '\n';
    return 1;
  }
  std::cout << (runs == 1 ? results[0] : results).dump() << '\n';
  return 0;
}
