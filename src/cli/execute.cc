// Owns: see execute.h.
// Called by: see execute.h.
// Never: a word changed on its way.
#include "cli/execute.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace hakmem::cli {

int execute(const std::vector<std::string>& command) {
  std::vector<char*> words;
  words.reserve(command.size() + 1);
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  execvp(words[0], words.data());
  return errno;
}

Failure cannot_execute(const std::vector<std::string>& command, int error) {
  return {error == ENOENT ? kNotFound : kCannotRun,
          fmt::format("{}: {}", command.front(), strerror(error))};
}

}  // namespace hakmem::cli
