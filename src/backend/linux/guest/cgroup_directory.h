// Owns: where the memory controller's files of the process' own cgroup are.
// Called by: cgroup.cc.
// Never: a guess; a group that no mount shows is not found.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/environment.h"

namespace hakmem {

// The tree in which /proc and the mount points are looked up: "" is the machine's, tests have
// others. The text must outlive its user.
struct CgroupFiles {
  const char* root = "";
};

enum class CgroupVersion : uint8_t { kNone, kV1, kV2 };

// A path under construction, always terminated. What does not fit is refused as a whole.
struct PathBuffer {
  static constexpr size_t kCapacity = 1024;

  char text[kCapacity] = {};
  size_t length = 0;

  Text view() const { return {.data = text, .length = length}; }
  void truncate(size_t to);
  bool append(Text piece);
  bool append(const char* piece);
  // With the octal escapes of /proc/PID/mountinfo (proc_pid_mountinfo(5)) undone.
  bool append_unescaped(Text piece);
};

// A directory and its ancestors are prefixes of `path`; the highest one that the mount shows has
// `top_length` characters.
struct CgroupDirectory {
  PathBuffer path;
  size_t top_length = 0;
};

// Space to work in, so that no thread needs a large stack.
struct CgroupScratch {
  PathBuffer file;
  PathBuffer group;
  char text[4096] = {};
};

// Finds the directory of the process' own group in the unified hierarchy (kV2) or in that of the
// memory controller (kV1), by /proc/self/cgroup and /proc/self/mountinfo (cgroups(7),
// cgroup_namespaces(7)); by the former alone where the usual mount point has the group. Both are
// relative to the cgroup namespace: a group or the root of a mount
// that lies above the namespace's root starts with "/..". Of several mounts, that which shows
// most ancestors is taken. Where a mount starts above the namespace, the names between are not
// told and its top, an ancestor, stands for the group. Whether the directory has files of the
// memory controller is for the caller to look.
bool find_cgroup_directory(CgroupFiles files, CgroupVersion version, CgroupScratch& scratch,
                           CgroupDirectory& directory);

}  // namespace hakmem
