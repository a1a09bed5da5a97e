// Owns: the reading of /proc/self/cgroup and /proc/self/mountinfo.
// Called by: CgroupMemory::discover, once.
// Never: see cgroup_directory.h.
//
//   find_cgroup_directory
//     own_group            the group's path within its hierarchy, into scratch.group
//     parse_mount          one line of mountinfo
//     path_below           what of the group's path lies below the mount's root
#include "backend/linux/guest/cgroup_directory.h"

#include <fcntl.h>
#include <string.h>

#include "backend/linux/guest/small_file.h"
#include "base/system_call.h"

namespace hakmem {
namespace {

bool is_in_list(Text list, const char* name) {
  while (list.length > 0) {
    if (take_until(list, ',').equals(name)) return true;
  }
  return false;
}

bool own_group(CgroupFiles files, CgroupVersion version, CgroupScratch& scratch) {
  scratch.file.truncate(0);
  scratch.group.truncate(0);
  if (!scratch.file.append(files.root) || !scratch.file.append("/proc/self/cgroup")) return false;
  LineReader lines(scratch.file.text, scratch.text, sizeof scratch.text);
  Text line;
  while (lines.next(line)) {
    const Text hierarchy = take_until(line, ':');
    const Text controllers = take_until(line, ':');
    const bool wanted = version == CgroupVersion::kV2
                            ? hierarchy.equals("0") && controllers.length == 0
                            : is_in_list(controllers, "memory");
    if (wanted && line.length > 0 && line.data[0] == '/') return scratch.group.append(line);
  }
  return false;
}

struct Mount {
  Text root;
  Text point;
  Text type;
  Text options;
};

// ID PARENT DEVICE ROOT POINT OPTIONS [OPTIONAL...] - TYPE SOURCE SUPER-OPTIONS
bool parse_mount(Text line, Mount& mount) {
  for (int skipped = 0; skipped < 3; ++skipped) take_until(line, ' ');
  mount.root = take_until(line, ' ');
  mount.point = take_until(line, ' ');
  while (line.length > 0 && !take_until(line, ' ').equals("-")) {
  }
  mount.type = take_until(line, ' ');
  take_until(line, ' ');
  mount.options = take_until(line, ' ');
  return mount.root.length > 0 && mount.root.data[0] == '/' && mount.point.length > 0 &&
         mount.point.data[0] == '/';
}

bool shows(const Mount& mount, CgroupVersion version) {
  if (version == CgroupVersion::kV2) return mount.type.equals("cgroup2");
  return mount.type.equals("cgroup") && is_in_list(mount.options, "memory");
}

bool starts_above_namespace(Text path) {
  return path.length >= 3 && memcmp(path.data, "/..", 3) == 0 &&
         (path.length == 3 || path.data[3] == '/');
}

bool is_above_namespace(Text path) {
  while (starts_above_namespace(path)) path = {.data = path.data + 3, .length = path.length - 3};
  return path.length == 0;
}

Text without_only_slash(Text path) {
  return path.length == 1 && path.data[0] == '/' ? Text{.data = path.data, .length = 0} : path;
}

enum class Position : uint8_t { kOutside, kSomewhereBelow, kKnown };

Position path_below(Text root, Text group, Text& below) {
  root = without_only_slash(root);
  group = without_only_slash(group);
  below = {.data = "", .length = 0};
  if (group.length >= root.length && memcmp(group.data, root.data, root.length) == 0 &&
      (group.length == root.length || group.data[root.length] == '/')) {
    below = {.data = group.data + root.length, .length = group.length - root.length};
    return starts_above_namespace(below) ? Position::kOutside : Position::kKnown;
  }
  return is_above_namespace(root) ? Position::kSomewhereBelow : Position::kOutside;
}

bool is_octal(char letter) {
  return letter >= '0' && letter <= '7';
}

}  // namespace

void PathBuffer::truncate(size_t to) {
  length = to;
  text[length] = '\0';
}

bool PathBuffer::append(Text piece) {
  if (piece.length >= kCapacity - length) return false;
  memcpy(text + length, piece.data, piece.length);
  truncate(length + piece.length);
  return true;
}

bool PathBuffer::append(const char* piece) {
  return append(Text{.data = piece, .length = strlen(piece)});
}

bool PathBuffer::append_unescaped(Text piece) {
  const size_t before = length;
  for (size_t at = 0; at < piece.length; ++at) {
    char letter = piece.data[at];
    if (letter == '\\' && piece.length - at > 3 && is_octal(piece.data[at + 1]) &&
        is_octal(piece.data[at + 2]) && is_octal(piece.data[at + 3])) {
      letter = static_cast<char>((piece.data[at + 1] - '0') * 64 + (piece.data[at + 2] - '0') * 8 +
                                 (piece.data[at + 3] - '0'));
      at += 3;
    }
    if (!append(Text{.data = &letter, .length = 1})) {
      truncate(before);
      return false;
    }
  }
  return true;
}

namespace {

// By calls that a filter allows under which a program can be loaded.
bool exists(const char* path) {
  const long descriptor = system_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  system_call(SYS_close, descriptor);
  return true;
}

// Where systemd and containers mount it. Reading all mounts takes the kernel longer than all else
// that is read at start.
bool find_in_usual_place(CgroupFiles files, CgroupVersion version, CgroupScratch& scratch,
                         CgroupDirectory& directory) {
  const bool unified = version == CgroupVersion::kV2;
  const char* place = unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
  const char* mark = unified ? "/cgroup.controllers" : "/memory.limit_in_bytes";
  const Text group = without_only_slash(scratch.group.view());
  directory.path.truncate(0);
  if (starts_above_namespace(group) || !directory.path.append(files.root) ||
      !directory.path.append(place)) {
    return false;
  }
  directory.top_length = directory.path.length;
  if (!directory.path.append(group)) return false;
  scratch.file.truncate(0);
  return scratch.file.append(directory.path.view()) && scratch.file.append(mark) &&
         exists(scratch.file.text);
}

}  // namespace

bool find_cgroup_directory(CgroupFiles files, CgroupVersion version, CgroupScratch& scratch,
                           CgroupDirectory& directory) {
  if (!own_group(files, version, scratch)) return false;
  if (find_in_usual_place(files, version, scratch, directory)) return true;
  directory.path.truncate(0);
  scratch.file.truncate(0);
  if (!scratch.file.append(files.root) || !scratch.file.append("/proc/self/mountinfo")) {
    return false;
  }
  LineReader lines(scratch.file.text, scratch.text, sizeof scratch.text);
  Text line;
  size_t best = 0;
  while (lines.next(line)) {
    Mount mount;
    if (!parse_mount(line, mount) || !shows(mount, version)) continue;
    scratch.file.truncate(0);
    if (!scratch.file.append_unescaped(mount.root)) continue;
    Text below;
    const Position position = path_below(scratch.file.view(), scratch.group.view(), below);
    if (position == Position::kOutside) continue;
    const size_t rank = position == Position::kKnown ? 2 + below.length : 1;
    if (rank < best) continue;  // of equals the last: it may be mounted over the others
    scratch.file.truncate(0);
    if (!scratch.file.append(files.root) || !scratch.file.append_unescaped(mount.point)) continue;
    const size_t top_length = scratch.file.length;
    if (!scratch.file.append(below)) continue;
    if (!exists(scratch.file.text)) continue;
    best = rank;
    directory.path.truncate(0);
    directory.path.append(scratch.file.view());
    directory.top_length = top_length;
  }
  return best > 0;
}

}  // namespace hakmem
