// Owns: reading the start of a program's file.
// Called by: see program.h.
// Never: an error for what cannot be read: then nothing is known.
#include "cli/program.h"

#include <elf.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <vector>

namespace hakmem::cli {
namespace {

#if defined(__x86_64__)
constexpr Elf64_Half kMachine = EM_X86_64;
#else
constexpr Elf64_Half kMachine = EM_AARCH64;
#endif

std::string start_of_file(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string start(64 << 10, '\0');
  stream.read(start.data(), static_cast<std::streamsize>(start.size()));
  start.resize(static_cast<size_t>(stream.gcount()));
  return start;
}

// The dynamic loader that the program asks for; empty in a static one.
std::string loader_of(const std::string& start, const Elf64_Ehdr& header) {
  for (size_t index = 0; index < header.e_phnum; ++index) {
    const size_t at = header.e_phoff + index * header.e_phentsize;
    Elf64_Phdr segment;
    if (at + sizeof segment > start.size()) break;
    memcpy(&segment, start.data() + at, sizeof segment);
    if (segment.p_type == PT_INTERP && segment.p_offset < start.size()) {
      return start.data() + segment.p_offset;
    }
  }
  return "";
}

}  // namespace

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* path = getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "/bin:/usr/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    std::string file = (folder.empty() ? "." : folder) + "/" + name;
    struct stat status;
    if (stat(file.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
        access(file.c_str(), X_OK) == 0) {
      return file;
    }
  }
  return "";
}

std::string obstacle_to_preload(const std::string& file) {
  struct stat status;
  if (file.empty() || stat(file.c_str(), &status) != 0) return "";
  const bool other_user = (status.st_mode & S_ISUID) != 0 && status.st_uid != geteuid();
  const bool other_group = (status.st_mode & S_ISGID) != 0 && status.st_gid != getegid();
  if (other_user || other_group) {
    return "it runs with the rights of another user or group (setuid, setgid), and the loader "
           "ignores LD_PRELOAD";
  }
  const std::string start = start_of_file(file);
  if (start.rfind("#!", 0) == 0) {
    std::istringstream line(start.substr(2, start.find('\n') - 2));
    std::string interpreter;
    line >> interpreter;
    if (start_of_file(interpreter).rfind("#!", 0) == 0) return "";
    const std::string obstacle = obstacle_to_preload(interpreter);
    return obstacle.empty() ? "" : fmt::format("{}, its interpreter: {}", interpreter, obstacle);
  }
  Elf64_Ehdr header;
  if (start.size() < sizeof header || memcmp(start.data(), ELFMAG, SELFMAG) != 0) return "";
  memcpy(&header, start.data(), sizeof header);
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != kMachine) {
    return "it is built for another processor than the library";
  }
  const std::string loader = loader_of(start, header);
  if (loader.empty()) return "it is linked statically";
  if (loader.find("ld-musl") != std::string::npos) {
    return "it runs on musl, and hakmem needs the GNU C library";
  }
  return "";
}

}  // namespace hakmem::cli
