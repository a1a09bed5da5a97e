// Owns: the `hakmem` command: its subcommands and their options.
// Called by: the user's shell.
// Never: a decision about memory; it prepares an environment and starts programs in it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "cli/configuration.h"
#include "cli/exit_status.h"
#include "cli/library.h"
#include "cli/run.h"
#include "cli/settings.h"

namespace {

using namespace hakmem::cli;

void add_settings(CLI::App& command, Settings& settings) {
  command.add_option("-m,--mode", settings.mode, "Mode: " + mode_list())->check(one_of_the_modes);
  command
      .add_option("-s,--set", settings.assignments,
                  "A feature or an option by name, such as bigcache=off; may be repeated")
      ->type_name("NAME=VALUE")
      ->take_all()
      ->check(known_assignment)
      ->allow_extra_args(false);
  command.add_option("--library", settings.library, "The libhakmem.so to use")->type_name("PATH");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Runs programs on the hakmem memory allocator.", "hakmem");
  app.require_subcommand(1);

  RunRequest request;
  CLI::App* run = app.add_subcommand("run", "Run a program on hakmem, and check that it really is");
  add_settings(*run, request.settings);
  run->add_option(
         "--stats", request.statistics_file,
         "Write the allocator's statistics to this file at exit(3); %p stands for the process, "
         "%e for the program")
      ->type_name("FILE");
  run->add_flag("--strict", request.strict,
                "Fail with status 125 if the program does not allocate from hakmem");
  run->add_flag("-q,--quiet", request.quiet, "Say nothing when all is well");
  run->prefix_command();
  run->footer(
      "After the options: -- COMMAND [ARGUMENTS]\n"
      "The exit status is the program's own; 125 if hakmem fails, 126 if the program cannot\n"
      "be run, 127 if it cannot be found.");

  Settings printed;
  CLI::App* config = app.add_subcommand("config", "Print the configuration that would be in force");
  add_settings(*config, printed);

  CLI::App* version = app.add_subcommand("version", "Print the version, and which library is used");

  // What follows "--" is the program's business alone.
  char** const end = argv + argc;
  char** const separator =
      std::find_if(argv, end, [](const char* argument) { return strcmp(argument, "--") == 0; });
  try {
    app.parse(static_cast<int>(separator - argv), argv);
    if (run->parsed()) {
      request.command = run->remaining();
      if (!request.command.empty() && request.command.front().starts_with('-')) {
        throw CLI::ExtrasError({request.command.front()});
      }
      if (separator != end) request.command.insert(request.command.end(), separator + 1, end);
      return run_program(request);
    }
    if (separator != end) throw CLI::ExtrasError({separator + 1, end});
    if (config->parsed()) return print_configuration(printed, argv);
    if (version->parsed()) return print_version();
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "hakmem: {}\nRun 'hakmem --help' for the options.\n", error.what());
    return run->parsed() ? kLauncherFailed : kBadArgument;
  } catch (const Failure& failure) {
    fmt::print(stderr, "hakmem: {}\n", failure.message);
    return failure.status;
  }
  return EXIT_SUCCESS;
}
