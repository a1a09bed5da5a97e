// Owns: the `hakmem` command: from arguments to a subcommand and its exit status.
// Called by: the user's shell.
// Never: a decision about memory; it prepares an environment and starts programs in it.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <sstream>

#include "cli/command_line.h"
#include "cli/configuration.h"
#include "cli/exit_status.h"
#include "cli/library.h"
#include "cli/report.h"

using namespace hakmem::cli;

namespace {

// A standard descriptor that is closed on entry would be the next that is opened, and take what is
// meant for the user. Its place is held by one that fails, and exec closes it again.
void hold_standard_descriptors() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(descriptor, F_GETFD) >= 0) continue;
    const int unusable = descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY;
    static_cast<void>(open("/dev/null", unusable | O_CLOEXEC));
  }
}

int execute_line(CommandLine& line, int argc, char** argv) {
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
    return print_version();
  } catch (const CLI::CallForVersion&) {
    return print_version();
  } catch (const CLI::Success& help) {
    std::ostringstream text;
    line.app.exit(help, text, text);
    return print(text.str());
  } catch (const CLI::ParseError& error) {
    say(fmt::format("{}\nRun 'hakmem --help' for the options.", error.what()));
    return line.run->parsed() ? kLauncherFailed : kBadArgument;
  }
}

}  // namespace

int main(int argc, char** argv) {
  hold_standard_descriptors();
  try {
    CommandLine line;
    return execute_line(line, argc, argv);
  } catch (const Failure& failure) {
    say(failure.message);
    return failure.status;
  } catch (const std::exception& error) {
    say(error.what());
    return kLauncherFailed;
  }
}
