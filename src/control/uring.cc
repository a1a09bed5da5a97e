// Owns: the loading of the module, and the ring's span of life.
// Called by: see uring.h.
// Never: see uring.h.
#include "control/uring.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "backend/linux/guest/confinement.h"
#include "backend/uring/uring_module.h"
#include "base/log.h"

namespace hakmem {
namespace {

constinit const UringModule* module = nullptr;
constinit bool has_ring = false;

// The file beside the one that this function lies in.
bool path_of_module(char* path, size_t capacity) {
  constexpr char kName[] = "libhakmem-uring" HAKMEM_MODULE_SUFFIX;
  Dl_info self;
  if (dladdr(reinterpret_cast<void*>(&load_uring), &self) == 0) return false;
  const char* slash = strrchr(self.dli_fname, '/');
  const size_t folder = slash != nullptr ? static_cast<size_t>(slash + 1 - self.dli_fname) : 0;
  if (folder + sizeof kName > capacity) return false;
  memcpy(path, self.dli_fname, folder);
  memcpy(path + folder, kName, sizeof kName);
  return folder > 0;
}

const UringModule* find_module() {
  char path[4096];
  if (!path_of_module(path, sizeof path)) return nullptr;
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) {
    Line line;
    line.text("hakmem: ").text(path).text(" cannot be loaded, no io_uring is used").send();
    return nullptr;
  }
  const auto* found = static_cast<const UringModule*>(dlsym(library, kUringModuleSymbol));
  return found != nullptr && found->version == kUringModuleVersion ? found : nullptr;
}

}  // namespace

bool load_uring() {
  if (module != nullptr) return true;
  if (getauxval(AT_SECURE) != 0) return false;
  module = find_module();
  return module != nullptr;
}

PurgeProgress purge_by_uring(const AddressRange* ranges, size_t count) {
  if (!has_ring) has_ring = is_free_of_filters() && module->open() == 0;
  if (!has_ring) return {.purged = 0, .refused = true};
  const size_t purged = module->purge(ranges, count, MADV_DONTNEED);
  return {.purged = purged, .refused = !module->serves()};
}

void end_ring() {
  if (has_ring) module->close();
  has_ring = false;
}

void forget_ring() {
  has_ring = false;
}

}  // namespace hakmem
