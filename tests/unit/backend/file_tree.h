// Owns: a temporary tree of files in the place of /proc and of cgroup mounts, for tests.
// Called by: the tests of cgroups and pressure.
// Never: anything outside its own directory.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace hakmem {

class FileTree {
 public:
  FileTree() {
    std::string pattern = testing::TempDir() + "hakmem_tree_XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) abort();
    root_ = pattern;
  }
  ~FileTree() { std::filesystem::remove_all(root_); }
  FileTree(const FileTree&) = delete;
  FileTree& operator=(const FileTree&) = delete;

  const char* root() const { return root_.c_str(); }
  std::string path(const std::string& file) const { return root_ + file; }

  void write(const std::string& file, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(path(file)).parent_path());
    std::ofstream(path(file)) << text;
  }
  void remove(const std::string& file) { std::filesystem::remove_all(path(file)); }
  std::string read(const std::string& file) const {
    std::stringstream text;
    text << std::ifstream(path(file)).rdbuf();
    return text.str();
  }

  // /proc of a process in the given groups; an empty path leaves the line out.
  void write_groups(const std::string& v2, const std::string& v1) {
    std::string text = "9:name=systemd:/elsewhere\n";
    if (!v1.empty()) text += "4:cpu,memory:" + v1 + "\n";
    if (!v2.empty()) text += "0::" + v2 + "\n";
    write("/proc/self/cgroup", text);
  }
  static std::string v2_mount(const std::string& root, const std::string& point) {
    return "41 31 0:38 " + root + " " + point +
           " rw,relatime shared:9 master:2 - cgroup2 cgroup2 rw,nsdelegate\n";
  }
  static std::string v1_mount(const std::string& root, const std::string& point) {
    return "35 31 0:32 " + root + " " + point + " rw,relatime - cgroup cgroup rw,cpu,memory\n";
  }
  // Among mounts of other kinds, the last of which has a group of every name in these tests.
  void write_mounts(const std::string& mounts) {
    write("/proc/self/mountinfo",
          "23 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw,memory\n" + mounts +
              "30 23 0:33 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n");
    write("/sys/fs/cgroup/cpuset/web/cgroup.procs", "");
  }
  void write_v2_group(const std::string& directory, const std::string& max, const std::string& high,
                      size_t current, size_t inactive_file) {
    write(directory + "/memory.max", max + "\n");
    write(directory + "/memory.high", high + "\n");
    write(directory + "/memory.current", std::to_string(current) + "\n");
    write(directory + "/memory.stat", "anon 4096\nactive_file 8192\ninactive_file " +
                                          std::to_string(inactive_file) + "\nunevictable 0\n");
    write_v2_events(directory, 0, 0, 0);
  }
  void write_v2_events(const std::string& directory, int high, int max, int oom) {
    write(directory + "/memory.events", "low 7\nhigh " + std::to_string(high) + "\nmax " +
                                            std::to_string(max) + "\noom " + std::to_string(oom) +
                                            "\noom_kill 5\n");
  }
  void write_v1_group(const std::string& directory, const std::string& limit, size_t usage,
                      size_t inactive_file, int failures) {
    write(directory + "/memory.limit_in_bytes", limit + "\n");
    write(directory + "/memory.usage_in_bytes", std::to_string(usage) + "\n");
    write(directory + "/memory.stat",
          "cache 1\ninactive_file 1\ntotal_cache 1\n"
          "total_inactive_file " +
              std::to_string(inactive_file) + "\n");
    write(directory + "/memory.failcnt", std::to_string(failures) + "\n");
  }

 private:
  std::string root_;
};

inline size_t open_descriptors() {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    count += entry.path().empty() ? 0 : 1;
  }
  return count;
}

}  // namespace hakmem
