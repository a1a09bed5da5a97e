// Owns: what the user sets on the command line, checked against the library's tables.
// Called by: main.cc (parsing), run.cc and configuration.cc (the environment made from it).
// Never: a name or a value of its own; the tables in src/frontend are the source.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace hakmem::cli {

struct Settings {
  std::string mode;                      // empty: the default
  std::vector<std::string> assignments;  // NAME=VALUE
  std::string library;                   // empty: found beside the command or where it is installed
};

// "minimal|fast|…", for help texts.
std::string mode_list();

// Checks for CLI11: an empty string when accepted, else the message.
std::string one_of_the_modes(const std::string& mode);
std::string known_assignment(const std::string& assignment);

// Adds the settings to this process's environment, for what it executes.
void export_settings(const Settings& settings);

}  // namespace hakmem::cli
