// Owns: filling the manual pages' templates from the tables: `manual TEMPLATE >PAGE`.
// Called by: the build.
// Never: a list written by hand: modes, variables and options come from where they are defined.
#include <fmt/format.h>

#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <string>

#include "cli/command_line.h"
#include "settings/tables.h"

namespace {

using namespace hakmem;

// Text for roff(7): hyphens that may be copied, no line that starts with a control character.
std::string escaped(const std::string& text) {
  std::string result;
  for (const char letter : text) {
    if (letter == '-') {
      result += "\\-";
    } else if (letter == '\\') {
      result += "\\e";
    } else {
      result += letter;
    }
  }
  return result.starts_with('.') || result.starts_with('\'') ? "\\&" + result : result;
}

// A macro's argument, blanks and all.
std::string quoted(const std::string& text) {
  std::string result = escaped(text);
  for (size_t at = 0; (at = result.find('"', at)) != std::string::npos; at += 4) {
    result.replace(at, 1, "\\(dq");
  }
  return '"' + result + '"';
}

// "VARIABLE=" and what it takes: literally a choice, in words what else.
std::string assignment(const char* variable, SettingKind kind, const char* accepted) {
  if (kind == SettingKind::choice) return ".B " + quoted(fmt::format("{}={}", variable, accepted));
  return fmt::format(".BI {}= {}", variable, quoted(accepted));
}

std::string tagged(const std::string& tag, const std::string& text) {
  return fmt::format(".TP\n{}\n{}\n", tag, escaped(text));
}

std::string modes() {
  std::string page;
  for (const ModeRow& row : kModeRows) {
    page += tagged(fmt::format(".B {}", row.name), std::string(row.meaning) + ".");
  }
  return page;
}

std::string features() {
  std::string page;
  for (const SettingRow& row : kSettingRows) {
    if (row.fallback != nullptr) continue;
    std::string values;
    for (size_t mode = 0; mode < std::size(kModeRows); ++mode) {
      values +=
          fmt::format("{}{} {}", mode == 0 ? "" : ", ", kModeRows[mode].name, row.by_mode[mode]);
    }
    const char* note = row.acted_on ? "" : " This version does not act on it yet.";
    page += tagged(assignment(row.variable, row.kind, row.accepted),
                   fmt::format("{}: {}. In the modes: {}.{}", row.name, row.meaning, values, note));
  }
  return page;
}

std::string options() {
  std::string page;
  for (const SettingRow& row : kSettingRows) {
    if (row.fallback == nullptr) continue;
    const std::string fallback = *row.fallback != '\0' ? row.fallback : "none";
    page += tagged(assignment(row.variable, row.kind, row.accepted),
                   fmt::format("{}: {}. Default: {}.", row.name, row.meaning, fallback));
  }
  return page;
}

std::string legacy() {
  std::string page;
  for (const LegacyRow& row : kLegacyRows) {
    page += tagged(assignment(row.variable, SettingKind::choice, row.accepted),
                   fmt::format("Deprecated; sets the feature {}.", row.feature));
  }
  return page;
}

std::string subcommands() {
  cli::CommandLine line;
  std::string page;
  for (const CLI::App* command : line.app.get_subcommands([](CLI::App*) { return true; })) {
    page += fmt::format(".SS hakmem {}\n{}.\n", command->get_name(),
                        escaped(command->get_description()));
    for (const CLI::Option* option : command->get_options()) {
      const std::string value =
          option->get_type_size() > 0 ? " \\fI" + option->get_type_name() + "\\fR" : "";
      page += tagged(fmt::format(".B {}{}", escaped(option->get_name(false, true)), value),
                     option->get_description() + ".");
    }
  }
  return page;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::map<std::string, std::string (*)()> lists = {{"@MODES@", modes},
                                                          {"@FEATURES@", features},
                                                          {"@OPTIONS@", options},
                                                          {"@LEGACY@", legacy},
                                                          {"@SUBCOMMANDS@", subcommands}};
  std::ifstream page(argv[1]);
  for (std::string text; std::getline(page, text);) {
    const auto list = lists.find(text);
    if (list != lists.end()) {
      std::cout << list->second();
    } else {
      for (size_t at; (at = text.find("@VERSION@")) != std::string::npos;) {
        text.replace(at, strlen("@VERSION@"), HAKMEM_VERSION_STRING);
      }
      std::cout << text << '\n';
    }
  }
  return 0;
}
