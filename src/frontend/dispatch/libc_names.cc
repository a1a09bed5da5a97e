// Owns: the rewriting of entries of libc's symbol table.
// Called by: see libc_names.h.
// Never: an allocation, a lock of the loader; a page that code could lie on made inexecutable.
#include "frontend/dispatch/libc_names.h"

#include <algorithm>
#include <atomic>

#include "backend/linux/memory/page_protection.h"
#include "base/lock.h"
#include "frontend/dispatch/libc_malloc.h"
#include "frontend/dispatch/loaded_library.h"

namespace hakmem {
namespace {

// What takes or gives a block, or tells of them. cfree, and versions of the others, are for old
// programs; what this libc does not have is passed over.
constexpr const char* kNames[] = {"malloc",
                                  "free",
                                  "calloc",
                                  "realloc",
                                  "reallocarray",
                                  "posix_memalign",
                                  "aligned_alloc",
                                  "memalign",
                                  "valloc",
                                  "pvalloc",
                                  "cfree",
                                  "free_sized",
                                  "free_aligned_sized",
                                  "malloc_usable_size",
                                  "malloc_trim",
                                  "mallinfo",
                                  "mallinfo2",
                                  "mallopt",
                                  "malloc_info",
                                  "malloc_stats",
                                  "__libc_malloc",
                                  "__libc_free",
                                  "__libc_cfree",
                                  "__libc_calloc",
                                  "__libc_realloc",
                                  "__libc_memalign",
                                  "__libc_valloc",
                                  "__libc_pvalloc",
                                  "__posix_memalign"};

constinit Lock names_lock{LockRank::kLibcNames};
constinit std::atomic<bool> led_here{false};

// Other threads look symbols up meanwhile: they find the old address or the new one. The sum of
// base and value wraps where we lie below libc.
void lead(const ElfW(Sym) & entry, uintptr_t value) {
  auto& word = const_cast<ElfW(Sym)&>(entry).st_value;
  __atomic_store_n(&word, value, __ATOMIC_RELEASE);
}

bool lead_all(const LoadedLibrary& libc, const LoadedLibrary& own) {
  uintptr_t start = UINTPTR_MAX;
  uintptr_t end = 0;
  for (const char* name : kNames) {
    libc.for_each_definition(name, [&](const ElfW(Sym) & entry) {
      start = std::min(start, reinterpret_cast<uintptr_t>(&entry));
      end = std::max(end, reinterpret_cast<uintptr_t>(&entry + 1));
    });
  }
  // The first segment may hold code as well, and the pages are not executable afterwards.
  if (start >= end || end_of_page(end - 1) > libc.end_of_tables()) return false;
  if (!set_pages_writable(start, end, true)) return false;
  for (const char* name : kNames) {
    const auto here = reinterpret_cast<uintptr_t>(own.find(name));
    libc.for_each_definition(name,
                             [&](const ElfW(Sym) & entry) { lead(entry, here - libc.base()); });
  }
  set_pages_writable(start, end, false);
  return true;
}

}  // namespace

bool lead_libc_names_here() {
  if (led_here.load(std::memory_order_acquire)) return true;
  LoadedLibrary libc;
  LoadedLibrary own;
  if (libc_malloc() == nullptr || !libc.open("libc.so.6") || !own.open_own()) return false;
  const LockGuard guard(names_lock);
  if (!led_here.load(std::memory_order_relaxed)) {
    led_here.store(lead_all(libc, own), std::memory_order_release);
  }
  return led_here.load(std::memory_order_relaxed);
}

void libc_names_after_fork_in_child() {
  names_lock.take_from_lost_thread();
}

}  // namespace hakmem
