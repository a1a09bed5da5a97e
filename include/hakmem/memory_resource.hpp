// hakmem for C++: a std::pmr::memory_resource, a standard allocator, and arenas as resources.
//
// Link with -lhakmem. Everything here is header-only over the C interface (hakmem.h), whose sized
// functions take the allocator's fast path: no virtual call but that of memory_resource itself.
//
//   hakmem::arena arena;
//   std::pmr::vector<int> numbers(&arena);          // all of it goes at once
//   std::vector<int, hakmem::allocator<int>> more;  // from hakmem whatever malloc is
//
// Compiled without exceptions, what would throw ends the program by abort(), as in libstdc++.
// Without run-time type information, two objects of hakmem::memory_resource are equal only if they
// are the same object; default_resource() always is.
#ifndef HAKMEM_MEMORY_RESOURCE_HPP
#define HAKMEM_MEMORY_RESOURCE_HPP

#include <hakmem/hakmem.h>

#include <cstddef>
#include <cstdlib>
#include <limits>
#include <memory_resource>
#include <new>
#include <utility>

namespace hakmem {

namespace detail {

template <class Exception>
[[noreturn]] inline void fail() {
#ifdef __cpp_exceptions
  throw Exception();
#else
  std::abort();
#endif
}

}  // namespace detail

// The process-wide heap as a polymorphic memory resource. Thread-safe. Any two are equal: memory of
// one may be deallocated by another. Allocation throws std::bad_alloc when memory is exhausted.
class memory_resource : public std::pmr::memory_resource {
 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    if (void* block = hakmem_allocate(bytes, alignment)) return block;
    detail::fail<std::bad_alloc>();
  }
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override {
    hakmem_deallocate(block, bytes, alignment);
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
#ifdef __cpp_rtti
    return dynamic_cast<const memory_resource*>(&other) != nullptr;
#else
    return this == &other;
#endif
  }
};

// A resource with static storage duration, for std::pmr::set_default_resource and its like.
inline std::pmr::memory_resource* default_resource() noexcept {
  static memory_resource resource;
  return &resource;
}

// An arena as a memory resource. One thread at a time may use it, see hakmem_arena in hakmem.h.
// Its destructor frees all its blocks: containers on it end first, or are never looked at again.
class arena : public std::pmr::memory_resource {
 public:
  // Throws std::bad_alloc when memory is exhausted.
  arena() : handle_(hakmem_arena_create()) {
    if (handle_ == nullptr) detail::fail<std::bad_alloc>();
  }
  ~arena() override { hakmem_arena_destroy(handle_); }
  arena(const arena&) = delete;
  arena& operator=(const arena&) = delete;

  // Frees every block at once.
  void reset() noexcept { hakmem_arena_reset(handle_); }

  hakmem_arena* native_handle() const noexcept { return handle_; }

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    if (void* block = hakmem_arena_allocate(handle_, bytes, alignment)) return block;
    detail::fail<std::bad_alloc>();
  }
  void do_deallocate(void* block, std::size_t, std::size_t) override {
    hakmem_arena_free(handle_, block);
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }

  hakmem_arena* handle_;
};

// A standard allocator (C++17 Allocator requirements) over the process-wide heap. Stateless: all
// instances are equal. Thread-safe.
template <class T>
class allocator {
 public:
  using value_type = T;
  using is_always_equal = std::true_type;
  using propagate_on_container_move_assignment = std::true_type;

  constexpr allocator() noexcept = default;
  template <class Other>
  constexpr allocator(const allocator<Other>&) noexcept {}

  // Storage for `count` objects, aligned for T. Throws std::bad_array_new_length when the size
  // overflows, std::bad_alloc when memory is exhausted.
  [[nodiscard]] T* allocate(std::size_t count) {
    if (count > std::numeric_limits<std::size_t>::max() / sizeof(T)) {
      detail::fail<std::bad_array_new_length>();
    }
    if (void* block = hakmem_allocate(count * sizeof(T), alignof(T))) {
      return static_cast<T*>(block);
    }
    detail::fail<std::bad_alloc>();
  }
  void deallocate(T* block, std::size_t count) noexcept {
    hakmem_deallocate(block, count * sizeof(T), alignof(T));
  }

  template <class Other>
  friend constexpr bool operator==(const allocator&, const allocator<Other>&) noexcept {
    return true;
  }
  template <class Other>
  friend constexpr bool operator!=(const allocator&, const allocator<Other>&) noexcept {
    return false;
  }
};

}  // namespace hakmem

#endif
