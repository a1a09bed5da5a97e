// Owns: reading the start of a program's file.
// Called by: see program.h.
// Never: an error for what cannot be read: then nothing is known.
#include "cli/program.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <sstream>

#include "cli/elf_file.h"

namespace hakmem::cli {
namespace {

// More than the kernel looks at of a "#!" line.
constexpr size_t kLongestFirstLine = 512;

// Whether the file brings capabilities along. The kernel heeds them under no_new_privs, too, as far
// as the loader is concerned.
bool has_capabilities(const std::string& file) {
  struct {
    uint32_t flags;
    struct {
      uint32_t permitted, inheritable;
    } words[2];
    uint32_t root;
  } capabilities{};
  if (getxattr(file.c_str(), "security.capability", &capabilities, sizeof capabilities) <= 0) {
    return false;
  }
  return (capabilities.flags & 1) != 0 || capabilities.words[0].permitted != 0 ||
         capabilities.words[1].permitted != 0;
}

// Whether the loader will see AT_SECURE, by the kernel's rules.
bool runs_privileged(const std::string& file, const struct stat& status) {
  struct statvfs mount {};
  const bool may_raise = statvfs(file.c_str(), &mount) != 0 || (mount.f_flag & ST_NOSUID) == 0;
  const bool may_change = may_raise && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1;
  const bool sets_user = may_change && (status.st_mode & S_ISUID) != 0;
  const mode_t group_bits = S_ISGID | S_IXGRP;
  const bool sets_group = may_change && (status.st_mode & group_bits) == group_bits;
  if ((sets_user ? status.st_uid : geteuid()) != getuid()) return true;
  if ((sets_group ? status.st_gid : getegid()) != getgid()) return true;
  // Root has them all.
  return may_raise && getuid() != 0 && has_capabilities(file);
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

Obstacle obstacle_to_preload(const std::string& file) {
  struct stat status;
  if (file.empty() || stat(file.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  const ElfFile program(file);
  const std::string start = program.read(0, kLongestFirstLine);
  if (start.rfind("#!", 0) == 0) {
    std::istringstream line(start.substr(2, start.find('\n') - 2));
    std::string interpreter;
    line >> interpreter;
    if (ElfFile(interpreter).read(0, 2) == "#!") return {};
    Obstacle obstacle = obstacle_to_preload(interpreter);
    if (obstacle.exists()) {
      obstacle.reason = fmt::format("{}, its interpreter: {}", interpreter, obstacle.reason);
    }
    return obstacle;
  }
  if (runs_privileged(file, status)) {
    return {
        ObstacleKind::other,
        "it runs with other rights than its user (setuid, setgid, capabilities), and the loader "
        "ignores LD_PRELOAD"};
  }
  if (!program.is_elf()) return {};
  if (!program.is_native()) {
    return {ObstacleKind::other, "it is built for another processor than the library"};
  }
  const std::string loader = program.loader();
  if (loader.find("ld-musl") != std::string::npos) {
    return {ObstacleKind::other_loader, "it runs on musl, and hakmem needs the GNU C library"};
  }
  // What has no loader and a name of its own is one: it will run what comes next on the line.
  if (!loader.empty() || program.is_named()) return {};
  return {ObstacleKind::linked_statically, "it is linked statically"};
}

}  // namespace hakmem::cli
