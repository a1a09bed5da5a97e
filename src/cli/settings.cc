// Owns: the check of names and values.
// Called by: see settings.h.
// Never: a value passed on that the library would refuse.
#include "cli/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>

#include "base/environment.h"
#include "settings/nearest_variable.h"
#include "settings/tables.h"

namespace hakmem::cli {
namespace {

Text text_of(const std::string& string) {
  return {.data = string.data(), .length = string.size()};
}

// As the library decides, by its own parser.
bool is_accepted(const SettingRow& row, const std::string& value) {
  switch (row.kind) {
    case SettingKind::choice: {
      // Switches take 0 and 1 as well.
      const bool is_switch = std::string(row.accepted).starts_with("off|on");
      return index_in(row.accepted, text_of(value)) >= 0 ||
             (is_switch && index_in("0|1", text_of(value)) >= 0);
    }
    case SettingKind::share:
    case SettingKind::number: {
      size_t number = 0;
      if (row.kind == SettingKind::share && parse_share(text_of(value), SIZE_MAX, number))
        return true;
      return parse_bytes(text_of(value), number) && number >= row.bound;
    }
    case SettingKind::text:
      return row.bound == 0 || value.size() <= row.bound;
  }
  return false;
}

constexpr const char* kPrefix = "HAKMEM_";

std::string variable_of(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char letter) { return std::toupper(letter); });
  return name.starts_with(kPrefix) ? name : kPrefix + name;
}

// "bigcache", "BIGCACHE" and "HAKMEM_BIGCACHE" all name the row of HAKMEM_BIGCACHE.
const SettingRow* find_row(const std::string& wanted) {
  const std::string name = variable_of(wanted);
  for (const SettingRow& row : kSettingRows) {
    std::string own = row.name;
    std::transform(own.begin(), own.end(), own.begin(),
                   [](unsigned char letter) { return std::toupper(letter); });
    if (name == row.variable || name == "HAKMEM_" + own) return &row;
  }
  return nullptr;
}

// ", is NAME meant?" for a name that is nearly one.
std::string question_about(const std::string& wrong) {
  const std::string name = variable_of(wrong).substr(strlen(kPrefix));
  const char* nearest = nearest_variable(text_of(name));
  const SettingRow* row = nearest != nullptr ? find_row(nearest) : nullptr;
  return row != nullptr ? fmt::format(", is {} meant?", row->name) : "; see 'hakmem config'";
}

}  // namespace

std::string mode_list() {
  std::vector<std::string> names;
  for (const ModeRow& row : kModeRows) names.emplace_back(row.name);
  return fmt::format("{}", fmt::join(names, "|"));
}

std::string one_of_the_modes(const std::string& mode) {
  return index_in(mode_list().c_str(), text_of(mode)) >= 0
             ? ""
             : fmt::format("mode {} is none of {}", mode, mode_list());
}

std::string known_assignment(const std::string& assignment) {
  const size_t equals = assignment.find('=');
  if (equals == std::string::npos)
    return fmt::format("{} is not of the form NAME=VALUE", assignment);
  const std::string name = assignment.substr(0, equals);
  const std::string value = assignment.substr(equals + 1);
  const SettingRow* row = find_row(name);
  if (row == nullptr)
    return fmt::format("{} is no feature or option{}", name, question_about(name));
  if (is_accepted(*row, value)) return "";
  return fmt::format("{}={} is not accepted ({})", name, value, row->accepted);
}

void export_settings(const Settings& settings) {
  if (!settings.mode.empty()) setenv("HAKMEM_MODE", settings.mode.c_str(), 1);
  for (const std::string& assignment : settings.assignments) {
    const size_t equals = assignment.find('=');
    setenv(find_row(assignment.substr(0, equals))->variable, assignment.c_str() + equals + 1, 1);
  }
}

}  // namespace hakmem::cli
