// Owns: the `hakmem` command: from arguments to a subcommand and its exit status.
// Called by: the user's shell.
// Never: a decision about memory; it prepares an environment and starts programs in it.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "cli/command_line.h"
#include "cli/configuration.h"
#include "cli/exit_status.h"
#include "cli/library.h"
#include "cli/report.h"

using namespace hakmem::cli;

int main(int argc, char** argv) {
  CommandLine line;
  RunRequest& request = line.run_request;
  // What follows "--" is the program's business alone, and so is a "--" behind its name.
  char** const end = argv + argc;
  char** const separator =
      std::find_if(argv, end, [](const char* argument) { return strcmp(argument, "--") == 0; });
  try {
    line.app.parse(static_cast<int>(separator - argv), argv);
    if (line.run->parsed()) {
      request.command = line.run->remaining();
      if (!request.command.empty() && request.command.front().starts_with('-')) {
        throw CLI::ExtrasError({request.command.front()});
      }
      const bool ends_options = request.command.empty() && separator != end;
      request.command.insert(request.command.end(), ends_options ? separator + 1 : separator, end);
      return run_program(request);
    }
    if (separator != end) throw CLI::ExtrasError({separator + 1, end});
    if (line.config->parsed()) return print_configuration(line.printed, argv);
    if (line.version->parsed()) return print_version();
  } catch (const CLI::Success& help) {
    return line.app.exit(help);
  } catch (const CLI::ParseError& error) {
    say(fmt::format("{}\nRun 'hakmem --help' for the options.", error.what()));
    return line.run->parsed() ? kLauncherFailed : kBadArgument;
  } catch (const Failure& failure) {
    say(failure.message);
    return failure.status;
  }
  return EXIT_SUCCESS;
}
