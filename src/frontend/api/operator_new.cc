// Owns: every replaceable operator new and delete, under their mangled names.
// Called by: C++ programs.
// Never: a dependency on a C++ run-time: what a failing operator new needs (the new_handler,
// bad_alloc) is found in the program when it is needed.
#include <dlfcn.h>
#include <stdint.h>

#include <cstddef>

#include "base/bits.h"
#include "base/log.h"
#include "frontend/dispatch/general.h"
#include "heap/blocks/fast_path.h"

#define HAKMEM_EXPORT_AS(name) __asm__(name) __attribute__((visibility("default")))

using NewHandler = void (*)();

extern "C" {
// std::get_new_handler() and std::__throw_bad_alloc(), the same names in libstdc++ and libc++.
__attribute__((weak)) NewHandler _ZSt15get_new_handlerv();
__attribute__((weak)) void _ZSt17__throw_bad_allocv();
}

namespace hakmem {
namespace {

// In the library of the C++ run-time itself, whatever comes before it in the search order.
template <class Function>
Function find_in_runtime_library(const char* name) {
  for (const char* library : {"libstdc++.so.6", "libc++.so.1", "libc++abi.so.1"}) {
    void* handle = dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
    if (handle == nullptr) continue;
    void* found = dlsym(handle, name);
    dlclose(handle);
    if (found != nullptr) return reinterpret_cast<Function>(found);
  }
  return nullptr;
}

// A weak reference is null when the run-time came with a later dlopen (Python loading a C++
// extension); then it may be in the global scope, or only in a library of its own.
template <class Function>
Function find_in_runtime(Function linked, const char* name) {
  if (linked != nullptr) return linked;
  if (void* found = dlsym(RTLD_DEFAULT, name)) return reinterpret_cast<Function>(found);
  return find_in_runtime_library<Function>(name);
}

NewHandler current_new_handler() {
  auto* get = find_in_runtime(_ZSt15get_new_handlerv, "_ZSt15get_new_handlerv");
  return get != nullptr ? get() : nullptr;
}

[[noreturn]] void throw_bad_alloc(size_t size) {
  auto* raise = find_in_runtime(_ZSt17__throw_bad_allocv, "_ZSt17__throw_bad_allocv");
  if (raise != nullptr) raise();
  fatal("operator new", "memory exhausted and no C++ run-time to throw bad_alloc, bytes:", size);
}

// [new.delete.single]: call the new_handler until it helps, is gone or throws.
template <class Allocate>
void* retry(Allocate allocate) {
  while (true) {
    if (void* block = allocate()) return block;
    NewHandler handler = current_new_handler();
    if (handler == nullptr) return nullptr;
    handler();
  }
}

__attribute__((noinline)) void* new_slow(size_t size, const void* site) {
  void* block = retry([=] { return allocate_general(size, site); });
  if (HAKMEM_UNLIKELY(block == nullptr)) throw_bad_alloc(size);
  return block;
}

// std::nothrow_t is empty; any address stands for one.
constexpr char kNothrow = 0;

// [new.delete.single]: null when the new_handler throws. Nothing here can catch; the run-time's own
// nothrow form can, and it calls our throwing one.
__attribute__((noinline)) void* new_nothrow_slow(size_t size, const void* site) {
  void* block = allocate_general(size, site);
  if (HAKMEM_LIKELY(block != nullptr) || current_new_handler() == nullptr) return block;
  auto* caught = find_in_runtime_library<void* (*)(size_t, const void*)>("_ZnwmRKSt9nothrow_t");
  return caught != nullptr ? caught(size, &kNothrow) : nullptr;
}

inline void* fast_or(size_t size, void* (*slow)(size_t, const void*), const void* site) {
  if (HAKMEM_LIKELY(size <= kDirectLimit)) {
    void* block = try_allocate_small(size);
    if (HAKMEM_LIKELY(block != nullptr)) return block;
  }
  return slow(size, site);
}

void* new_aligned(size_t size, size_t alignment, const void* site) {
  void* block = retry([=] { return allocate_aligned_general(alignment, size, site); });
  if (HAKMEM_UNLIKELY(block == nullptr)) throw_bad_alloc(size);
  return block;
}

void* new_aligned_nothrow(size_t size, size_t alignment, const void* site) {
  void* block = allocate_aligned_general(alignment, size, site);
  if (HAKMEM_LIKELY(block != nullptr) || current_new_handler() == nullptr) return block;
  auto* caught = find_in_runtime_library<void* (*)(size_t, size_t, const void*)>(
      "_ZnwmSt11align_val_tRKSt9nothrow_t");
  return caught != nullptr ? caught(size, alignment, &kNothrow) : nullptr;
}

inline void release(void* address, const void* site) {
  if (HAKMEM_UNLIKELY(!try_free_local(address))) free_general(address, {"operator delete", site});
}

inline void release_sized(void* address, size_t size, const void* site) {
  if (HAKMEM_LIKELY(try_free_local(address))) return;
  free_sized_general(address, size, {"operator delete", site});
}

}  // namespace

extern "C" {

void* operator_new(size_t size) HAKMEM_EXPORT_AS("_Znwm");
void* operator_new(size_t size) {
  return fast_or(size, new_slow, HAKMEM_CALL_SITE);
}
void* operator_new_array(size_t size) HAKMEM_EXPORT_AS("_Znam");
void* operator_new_array(size_t size) {
  return fast_or(size, new_slow, HAKMEM_CALL_SITE);
}

void* operator_new_nothrow(size_t size, const void*) HAKMEM_EXPORT_AS("_ZnwmRKSt9nothrow_t");
void* operator_new_nothrow(size_t size, const void*) {
  return fast_or(size, new_nothrow_slow, HAKMEM_CALL_SITE);
}
void* operator_new_array_nothrow(size_t size, const void*) HAKMEM_EXPORT_AS("_ZnamRKSt9nothrow_t");
void* operator_new_array_nothrow(size_t size, const void*) {
  return fast_or(size, new_nothrow_slow, HAKMEM_CALL_SITE);
}

void* operator_new_aligned(size_t size, size_t alignment) HAKMEM_EXPORT_AS("_ZnwmSt11align_val_t");
void* operator_new_aligned(size_t size, size_t alignment) {
  return new_aligned(size, alignment, HAKMEM_CALL_SITE);
}
void* operator_new_array_aligned(size_t size, size_t alignment)
    HAKMEM_EXPORT_AS("_ZnamSt11align_val_t");
void* operator_new_array_aligned(size_t size, size_t alignment) {
  return new_aligned(size, alignment, HAKMEM_CALL_SITE);
}

void* operator_new_aligned_nothrow(size_t size, size_t alignment, const void*)
    HAKMEM_EXPORT_AS("_ZnwmSt11align_val_tRKSt9nothrow_t");
void* operator_new_aligned_nothrow(size_t size, size_t alignment, const void*) {
  return new_aligned_nothrow(size, alignment, HAKMEM_CALL_SITE);
}
void* operator_new_array_aligned_nothrow(size_t size, size_t alignment, const void*)
    HAKMEM_EXPORT_AS("_ZnamSt11align_val_tRKSt9nothrow_t");
void* operator_new_array_aligned_nothrow(size_t size, size_t alignment, const void*) {
  return new_aligned_nothrow(size, alignment, HAKMEM_CALL_SITE);
}

// The page map knows size and alignment: all forms of delete are one, but for the checks, which
// compare the size.
#define HAKMEM_DELETE(name, mangled, ...)                                        \
  void name(void* address __VA_OPT__(, ) __VA_ARGS__) HAKMEM_EXPORT_AS(mangled); \
  void name(void* address __VA_OPT__(, ) __VA_ARGS__) {                          \
    release(address, HAKMEM_CALL_SITE);                                          \
  }

#define HAKMEM_SIZED_DELETE(name, mangled, ...)                                               \
  void name(void* address, size_t size __VA_OPT__(, ) __VA_ARGS__) HAKMEM_EXPORT_AS(mangled); \
  void name(void* address, size_t size __VA_OPT__(, ) __VA_ARGS__) {                          \
    release_sized(address, size, HAKMEM_CALL_SITE);                                           \
  }

HAKMEM_DELETE(operator_delete, "_ZdlPv")
HAKMEM_DELETE(operator_delete_array, "_ZdaPv")
HAKMEM_SIZED_DELETE(operator_delete_sized, "_ZdlPvm")
HAKMEM_SIZED_DELETE(operator_delete_array_sized, "_ZdaPvm")
HAKMEM_DELETE(operator_delete_nothrow, "_ZdlPvRKSt9nothrow_t", const void*)
HAKMEM_DELETE(operator_delete_array_nothrow, "_ZdaPvRKSt9nothrow_t", const void*)
HAKMEM_DELETE(operator_delete_aligned, "_ZdlPvSt11align_val_t", size_t)
HAKMEM_DELETE(operator_delete_array_aligned, "_ZdaPvSt11align_val_t", size_t)
HAKMEM_SIZED_DELETE(operator_delete_sized_aligned, "_ZdlPvmSt11align_val_t", size_t)
HAKMEM_SIZED_DELETE(operator_delete_array_sized_aligned, "_ZdaPvmSt11align_val_t", size_t)
HAKMEM_DELETE(operator_delete_aligned_nothrow, "_ZdlPvSt11align_val_tRKSt9nothrow_t", size_t,
              const void*)
HAKMEM_DELETE(operator_delete_array_aligned_nothrow, "_ZdaPvSt11align_val_tRKSt9nothrow_t", size_t,
              const void*)

}  // extern "C"

}  // namespace hakmem
