#include "contestant.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cctype>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string_view>

namespace fs = std::filesystem;

namespace {

const std::map<std::string, std::string> kPeers = {{"jemalloc", "libjemalloc.so.2"},
                                                   {"mimalloc", "libmimalloc.so.2"},
                                                   {"tcmalloc", "libtcmalloc_minimal.so.4"}};

// Where Debian's loader looks; a shared object loaded here to find it would take over malloc.
std::string find_installed(const std::string& name) {
  for (const fs::path folder : {"/usr/local/lib", "/usr/lib/x86_64-linux-gnu",
                                "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"}) {
    if (fs::exists(folder / name)) return fs::canonical(folder / name);
  }
  throw std::invalid_argument(name + " is not installed");
}

}  // namespace

bool Contestant::is(const std::string& file) const {
  if (preload.empty()) return fs::path(file).filename().string().starts_with("libc.so");
  std::error_code error;
  return fs::equivalent(file, preload, error);
}

std::string allocator_in_use() {
  Dl_info information;
  void* function = dlsym(RTLD_DEFAULT, "malloc");
  if (function == nullptr || dladdr(function, &information) == 0) return "unknown";
  return information.dli_fname;
}

std::string mode_in_use() {
  auto* mode = reinterpret_cast<const char* (*)()>(dlsym(RTLD_DEFAULT, "hakmem_mode"));
  return mode != nullptr ? mode() : "";
}

std::map<std::string, std::string> features_in_use() {
  auto* feature =
      reinterpret_cast<int (*)(const char*, char*, size_t)>(dlsym(RTLD_DEFAULT, "hakmem_feature"));
  std::map<std::string, std::string> result;
  if (feature == nullptr) return result;
  constexpr std::string_view kPrefix = "HAKMEM_";
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (!text.starts_with(kPrefix)) continue;
    const std::string variable(text.substr(0, text.find('=')));
    std::string name = variable.substr(kPrefix.size());
    for (char& letter : name) letter = static_cast<char>(std::tolower(letter));
    char value[64];
    if (feature(name.c_str(), value, sizeof value) >= 0) result[variable] = value;
  }
  return result;
}

Contestant contestant_of(const std::string& name) {
  if (name == "system") return {};
  if (name == "hakmem" || name.starts_with("hakmem:")) {
    const fs::path build = fs::canonical("/proc/self/exe").parent_path().parent_path();
    return {build / "libhakmem.so", name == "hakmem" ? "" : name.substr(7)};
  }
  if (const auto peer = kPeers.find(name); peer != kPeers.end()) {
    return {find_installed(peer->second), ""};
  }
  if (name.starts_with('/') && fs::exists(name)) return {fs::canonical(name), ""};
  throw std::invalid_argument(
      "--allocator '" + name +
      "' is none of system, nothing, hakmem, hakmem:MODE, jemalloc, mimalloc, tcmalloc or the path "
      "of a library");
}
