// Owns: the ways around the kernel's refusals.
// Called by: see guard_pages.h.
// Never: a page touched to find out what it is.
#include "frontend/checks/guard_pages.h"

#include <errno.h>

#include <atomic>

#include "base/bits.h"
#include "base/system_call.h"
#include "heap/pages/page_heap.h"

namespace hakmem {
namespace {

enum class Kernel : uint8_t { kNotAsked, kHasGuards, kHasNone };
constinit std::atomic<Kernel> kernel{Kernel::kNotAsked};

// Older kernels and filters refuse plain memory too.
bool ask_kernel() {
  const Backend& backend = page_heap.backend();
  const size_t page = backend.page_size();
  void* plain = backend.map(page, page);
  if (plain == nullptr) return false;
  const bool has = backend.guard(plain, page);
  backend.unmap(plain, page);
  kernel.store(has ? Kernel::kHasGuards : Kernel::kHasNone, std::memory_order_relaxed);
  return has;
}

bool guards_exist() {
  const Kernel answer = kernel.load(std::memory_order_relaxed);
  return answer == Kernel::kNotAsked ? ask_kernel() : answer == Kernel::kHasGuards;
}

// The kernel reads the set before it looks at what to do with it, which is nothing here.
bool is_readable(const char* address) {
  constexpr int kNothing = -1;
  constexpr size_t kSetBytes = 8;
  return system_call(SYS_rt_sigprocmask, kNothing, address, nullptr, kSetBytes) != -EFAULT;
}

size_t bytes_between(const char* from, const char* end) {
  return static_cast<size_t>(end - from);
}

}  // namespace

// The kernel works from mapping to mapping and stops at the first that it refuses.
Guarding install_guards(char* from, const char* end) {
  if (!guards_exist()) return Guarding::kRefused;
  if (page_heap.backend().guard(from, bytes_between(from, end))) return Guarding::kDone;
  ask_kernel();
  return remove_guards(from, end) ? Guarding::kRefused : Guarding::kStuck;
}

// A filter that came later may refuse: a new mapping in the place of the old one has no guards.
bool remove_guards(char* from, const char* end) {
  const Backend& backend = page_heap.backend();
  backend.unguard(from, bytes_between(from, end));
  if (is_readable(from)) return true;
  return backend.decommit(from, bytes_between(from, end)) &&
         backend.commit(from, bytes_between(from, end));
}

void restore_access(char* from, const char* end) {
  const Backend& backend = page_heap.backend();
  const size_t page = backend.page_size();
  auto* first = reinterpret_cast<char*>(round_down(reinterpret_cast<uintptr_t>(from), page));
  const uintptr_t last = round_up(reinterpret_cast<uintptr_t>(end), page);
  backend.restore_access(first, last - reinterpret_cast<uintptr_t>(first));
}

}  // namespace hakmem
