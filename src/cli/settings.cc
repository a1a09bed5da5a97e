// Owns: the check of names and values.
// Called by: see settings.h.
// Never: a value passed on that the library would refuse.
#include "cli/settings.h"

#include <fmt/format.h>
#include <strings.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "frontend/tables.h"

namespace hakmem::cli {
namespace {

std::vector<std::string> entries_of(const std::string& accepted) {
  std::vector<std::string> entries;
  size_t start = 0;
  while (true) {
    const size_t end = accepted.find('|', start);
    entries.push_back(accepted.substr(start, end - start));
    if (end == std::string::npos) return entries;
    start = end + 1;
  }
}

bool is_entry(const std::string& accepted, const std::string& value) {
  const std::vector<std::string> entries = entries_of(accepted);
  return std::any_of(entries.begin(), entries.end(), [&](const std::string& entry) {
    return strcasecmp(entry.c_str(), value.c_str()) == 0;
  });
}

// Digits, and K, M or G.
bool is_number_of_bytes(const std::string& value) {
  const size_t digits = std::min(value.find_first_not_of("0123456789"), value.size());
  const std::string unit = value.substr(digits);
  return digits > 0 && (unit.empty() || is_entry("K|M|G", unit));
}

bool is_accepted(const SettingRow& row, const std::string& value) {
  const std::string accepted = row.accepted;
  if (accepted.find('|') == std::string::npos) {
    return !accepted.starts_with("bytes") || is_number_of_bytes(value);
  }
  // Switches take 0 and 1 as well.
  return is_entry(accepted, value) || (accepted == "off|on" && is_entry("0|1", value));
}

// "bigcache", "BIGCACHE" and "HAKMEM_BIGCACHE" all name the row of HAKMEM_BIGCACHE.
const SettingRow* find_row(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char letter) { return std::toupper(letter); });
  if (!name.starts_with("HAKMEM_")) name.insert(0, "HAKMEM_");
  for (const SettingRow& row : kSettingRows) {
    std::string own = row.name;
    std::transform(own.begin(), own.end(), own.begin(),
                   [](unsigned char letter) { return std::toupper(letter); });
    if (name == row.variable || name == "HAKMEM_" + own) return &row;
  }
  return nullptr;
}

}  // namespace

std::string mode_list() {
  std::vector<std::string> names;
  for (const ModeRow& row : kModeRows) names.emplace_back(row.name);
  return fmt::format("{}", fmt::join(names, "|"));
}

std::string one_of_the_modes(const std::string& mode) {
  return is_entry(mode_list(), mode) ? "" : fmt::format("mode {} is none of {}", mode, mode_list());
}

std::string known_assignment(const std::string& assignment) {
  const size_t equals = assignment.find('=');
  if (equals == std::string::npos)
    return fmt::format("{} is not of the form NAME=VALUE", assignment);
  const std::string name = assignment.substr(0, equals);
  const std::string value = assignment.substr(equals + 1);
  const SettingRow* row = find_row(name);
  if (row == nullptr) return fmt::format("{} is no feature or option; see 'hakmem config'", name);
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
