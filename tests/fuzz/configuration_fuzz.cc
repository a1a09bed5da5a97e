// The parser of the environment and of compiled-in defaults: no input may do more than complain.
// The source itself is part of this file, for its state has to be reset between inputs.
#include <cstdlib>
#include <string>
#include <vector>

#include "input.h"
#include "settings/configuration.cc"
#include "settings/nearest_variable.cc"

extern "C" {
const char* hakmem_conf = nullptr;
}
extern char** environ;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Lines: the first is the compiled-in string, the others are entries of the environment.
  std::vector<std::string> lines(1);
  for (size_t at = 0; at < size; ++at) {
    if (data[at] == '\n') {
      lines.emplace_back();
    } else if (data[at] != '\0') {
      lines.back() += static_cast<char>(data[at]);
    }
  }
  hakmem_conf = lines[0].c_str();
  std::vector<char*> entries;
  for (size_t index = 1; index < lines.size(); ++index) entries.push_back(lines[index].data());
  entries.push_back(nullptr);
  char** before = environ;
  environ = entries.data();
  hakmem::current = {};
  hakmem::parsed = false;
  hakmem::parse_configuration(size_t{16} << 30);
  environ = before;

  const hakmem::Configuration& result = hakmem::configuration();
  bool good = result.large_threshold >= (size_t{64} << 10) &&
              static_cast<size_t>(result.mode) < 5 && result.stats_file[255] == '\0';
  for (size_t index = 0; index < hakmem::kFeatureCount; ++index) {
    size_t length;
    good = good && hakmem::setting_name(static_cast<hakmem::Feature>(index), length) != nullptr &&
           length > 0;
  }
  if (!good) abort();
  return 0;
}
