// Owns: the table of scenarios: name, unit, default length, function.
// Called by: main.cc.
// Never: a scenario that checks for the allocator it runs on.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

struct Request {
  unsigned threads;
  uint64_t iterations;  // per thread: malloc/free pairs, or what the scenario's meaning says
  uint64_t mebibytes;   // of memory, all threads together, in the scenarios that are about much
  bool nothing;         // call the do-nothing functions instead of malloc and free
};

struct Outcome {
  double ns = 0;  // wall time of the timed phase, per unit of the scenario and thread
  // Of single calls, from the time stamp counter; empty unless the scenario records them.
  std::vector<std::pair<std::string, double>> latency_ns;
  // What else the scenario measures, under the names of the JSON.
  std::vector<std::pair<std::string, double>> numbers;
};

struct Scenario {
  const char* name;
  const char* meaning;
  const char* unit;     // of the time: the JSON's ns_per_UNIT
  uint64_t iterations;  // default
  uint64_t mebibytes;   // default; 0: not about that
  Outcome (*run)(const Request&);
};

std::span<const Scenario> scenarios();
