// Owns: the table behind `hakmem --help` and hakmem(1).
// Called by: see command_line.h.
// Never: an action.
#include "cli/command_line.h"

#include <memory>

namespace hakmem::cli {
namespace {

// The library knows of no words behind the options.
class UsageOfRun : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App*, std::string name) const override {
    return "Usage: " + name + " [OPTIONS] -- COMMAND [ARGUMENT...]\n";
  }
};

void add_settings(CLI::App& command, Settings& settings) {
  command.add_option("-m,--mode", settings.mode, "Mode: " + mode_list())
      ->type_name("MODE")
      ->check(one_of_the_modes);
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

CommandLine::CommandLine() : app("Runs programs on the hakmem memory allocator.", "hakmem") {
  app.require_subcommand(1);
  app.set_version_flag("--version", "", "Print the version, and which library is used");

  run = app.add_subcommand("run", "Run a program on hakmem, and check that it really is");
  add_settings(*run, run_request.settings);
  run->add_option("--stats", run_request.statistics_file,
                  "Write the allocator's statistics to this file at exit(3); %p stands for the "
                  "process, %e for the program")
      ->type_name("FILE");
  run->add_flag("--strict", run_request.strict,
                "Fail with status 125 if the program does not allocate from hakmem");
  run->add_flag("--follow", run_request.follow,
                "Report on every program that the program's descendants execute as well; with "
                "--strict, all have to allocate from hakmem");
  run->add_flag("-q,--quiet", run_request.quiet, "Say nothing when all is well");
  run->prefix_command();
  run->formatter(std::make_shared<UsageOfRun>());
  run->footer(
      "The exit status is the program's own; 125 if hakmem fails, 126 if the program cannot\n"
      "be run, 127 if it cannot be found.");

  config = app.add_subcommand("config", "Print the configuration that would be in force");
  add_settings(*config, printed);

  version = app.add_subcommand("version", "Print the version, and which library is used");
}

}  // namespace hakmem::cli
