// Owns: the command's options: names, meanings, checks.
// Called by: main.cc, which parses, and manual.cc, which prints them as a manual page.
// Never: an option described elsewhere.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/run.h"
#include "cli/settings.h"

namespace hakmem::cli {

struct CommandLine {
  CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  RunRequest run_request;
  Settings printed;

  CLI::App app;
  CLI::App* run;
  CLI::App* config;
  CLI::App* version;
};

}  // namespace hakmem::cli
