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

// The library follows no link and opens no device but terminals and /dev/null. A pipe is left
// alone: its reader would take the trial for the end.
bool is_writable(const std::string& path) {
  if (is_own_output(path)) return true;
  struct stat status;
  if (lstat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    const bool is_terminal =
        S_ISCHR(status.st_mode) && (path.starts_with("/dev/pts/") || path.starts_with("/dev/tty"));
    if (!is_terminal && path != "/dev/null" && !S_ISFIFO(status.st_mode)) {
      errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
      return false;
    }
    return faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0;
  }
  const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  const int descriptor = open(path.c_str(), flags, 0666);
  return descriptor >= 0 && close(descriptor) == 0;
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
bool holds_expanded(const std::string& path) {
  const size_t slash = path.rfind('/', path.find('%'));
  const bool last = path.find('/', slash + 1) == std::string::npos;
  const std::string folder = path.substr(0, slash + 1);
  return faccessat(AT_FDCWD, folder.c_str(), last ? W_OK | X_OK : X_OK, AT_EACCESS) == 0;
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
  if (!(varies ? holds_expanded(path) : is_writable(path))) throw refused(file, strerror(errno));
  const char* format = getenv("HAKMEM_STATS");
  if (format == nullptr || strcasecmp(format, "json") != 0) setenv("HAKMEM_STATS", "on", 1);
  setenv("HAKMEM_STATS_FILE", path.c_str(), 1);
}

}  // namespace hakmem::cli
