// Owns: the trial of the file, or of the directory where the name is not known yet.
// Called by: see statistics_file.h.
// Never: a relative path passed on: the program may change its directory.
#include "cli/statistics_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "cli/exit_status.h"
#include "cli/settings.h"

namespace hakmem::cli {
namespace {

Failure refused(const std::string& file, const std::string& reason) {
  return {kLauncherFailed, fmt::format("cannot write statistics to {}: {}", file, reason)};
}

bool is_own_output(const std::string& path) {
  return path == "/dev/stdout" || path == "/dev/stderr";
}

// The library follows no link and opens no device but terminals and /dev/null.
const char* why_not_of_kind(const std::string& path, mode_t mode) {
  const bool is_terminal =
      S_ISCHR(mode) && (path.starts_with("/dev/pts/") || path.starts_with("/dev/tty"));
  if (is_terminal || S_ISREG(mode) || S_ISFIFO(mode) || path == "/dev/null") return nullptr;
  if (S_ISDIR(mode)) return "it is a directory";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "it is a device, and no terminal";
  return "it is no file, pipe or terminal";
}

// nullptr where it can be written. A pipe is left alone: its reader would take the trial for the
// end.
const char* why_not_writable(const std::string& path) {
  if (is_own_output(path)) return nullptr;
  struct stat status;
  const bool exists = lstat(path.c_str(), &status) == 0;
  if (exists && !S_ISREG(status.st_mode)) {
    if (const char* reason = why_not_of_kind(path, status.st_mode)) return reason;
    return faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0 ? nullptr : strerror(errno);
  }
  const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  const int descriptor = open(path.c_str(), flags, 0666);
  return descriptor >= 0 && close(descriptor) == 0 ? nullptr : strerror(errno);
}

// Where the name leads, if it is a link: the person's own, followed now and not later.
std::string without_link(std::filesystem::path path) {
  constexpr int kMostLinks = 40;
  std::error_code error;
  for (int links = 0; links < kMostLinks && !is_own_output(path); ++links) {
    const std::filesystem::path target = std::filesystem::read_symlink(path, error);
    if (error) break;
    path = path.parent_path() / target;
  }
  return path;
}

// For "/a/b/x%p" whether a file can be made in /a/b, for "/a/%e/x" whether /a can be searched: who
// makes the directories of the rest is not known.
const char* why_not_expanded(const std::string& path) {
  const size_t slash = path.rfind('/', path.find('%'));
  const bool last = path.find('/', slash + 1) == std::string::npos;
  const std::string folder = path.substr(0, slash + 1);
  const int needed = last ? W_OK | X_OK : X_OK;
  return faccessat(AT_FDCWD, folder.c_str(), needed, AT_EACCESS) == 0 ? nullptr : strerror(errno);
}

}  // namespace

void export_statistics_file(const std::string& file) {
  if (file.empty()) throw Failure{kLauncherFailed, "--stats needs the name of a file"};
  std::error_code error;
  const std::string absolute = std::filesystem::absolute(file, error);
  if (error) throw refused(file, error.message());
  const std::string path = without_link(absolute);
  const std::string complaint = known_assignment("stats_file=" + path);
  if (!complaint.empty()) throw Failure{kLauncherFailed, complaint};
  const bool varies = path.find('%') != std::string::npos;
  const char* reason = varies ? why_not_expanded(path) : why_not_writable(path);
  if (reason != nullptr) throw refused(file, reason);
  const char* format = getenv("HAKMEM_STATS");
  if (format == nullptr || strcasecmp(format, "json") != 0) setenv("HAKMEM_STATS", "on", 1);
  setenv("HAKMEM_STATS_FILE", path.c_str(), 1);
}

}  // namespace hakmem::cli
