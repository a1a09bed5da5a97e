// Owns: the loading of the module and the order of its calls.
// Called by: see uring.h.
// Never: two calls of the module at once.
#include "frontend/uring.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include <atomic>

#include "backend/uring/uring_module.h"
#include "base/lock.h"
#include "base/log.h"

namespace hakmem {
namespace {

constinit Lock ring_lock{LockRank::kRing};
constinit const UringModule* module = nullptr;
constinit std::atomic<bool> refused{false};

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

// A child has no ring, whatever its parent has: it is asked for one when it first needs it.
size_t arm(const AddressRange* ranges, size_t count, uint64_t nanoseconds) {
  LockGuard guard(ring_lock);
  if (module->state() != 0 && !refused.load(std::memory_order_relaxed)) {
    refused.store(module->open() != 0, std::memory_order_relaxed);
  }
  return module->arm(ranges, count, nanoseconds, MADV_DONTNEED);
}

size_t disarm(bool* purged) {
  LockGuard guard(ring_lock);
  return module->disarm(purged);
}

bool is_armed() {
  LockGuard guard(ring_lock);
  return module->is_armed();
}

bool has_fired() {
  LockGuard guard(ring_lock);
  return module->has_fired();
}

}  // namespace

bool load_uring() {
  if (module != nullptr) return true;
  if (getauxval(AT_SECURE) != 0) return false;
  const UringModule* found = find_module();
  if (found == nullptr || found->open() != 0) return false;
  module = found;
  return true;
}

const Deadlines kUringDeadlines = {
    .arm = arm, .disarm = disarm, .is_armed = is_armed, .has_fired = has_fired};

bool ring_serves() {
  return module != nullptr && !refused.load(std::memory_order_relaxed);
}

size_t purge_by_uring(const AddressRange* ranges, size_t count) {
  LockGuard guard(ring_lock);
  return module->purge(ranges, count, MADV_DONTNEED);
}

void uring_after_fork_in_child() {
  ring_lock.take_from_lost_thread();
  refused.store(false, std::memory_order_relaxed);
}

}  // namespace hakmem
