// Owns: the table of scenarios: name, default length, function.
// Called by: main.cc.
// Never: a scenario that checks for the allocator it runs on.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

struct Request {
  unsigned threads;
  uint64_t iterations;  // malloc/free pairs per thread
  bool nothing;         // call the do-nothing functions instead of malloc and free
};

struct Outcome {
  double ns_per_pair = 0;  // wall time of the timed phase, per pair and thread
  // Of single calls, from the time stamp counter; empty unless the scenario records them.
  std::vector<std::pair<std::string, double>> latency_ns;
};

struct Scenario {
  const char* name;
  const char* meaning;
  uint64_t iterations;  // default
  Outcome (*run)(const Request&);
};

std::span<const Scenario> scenarios();
