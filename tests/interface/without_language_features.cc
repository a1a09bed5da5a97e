// The C++ header compiled with -fno-exceptions or -fno-rtti: containers work, exhaustion ends the
// program by SIGABRT instead of throwing, equality never takes a stranger's resource for ours.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <hakmem/memory_resource.hpp>
#include <string>
#include <vector>

namespace {

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "%s\n", what);
  std::exit(1);
}

bool containers_work() {
  hakmem::arena arena;
  std::pmr::vector<std::pmr::string> in_arena(&arena);
  std::pmr::vector<std::pmr::string> in_heap(hakmem::default_resource());
  std::vector<int, hakmem::allocator<int>> numbers;
  for (int number = 0; number < 1000; ++number) {
    in_arena.emplace_back(static_cast<size_t>(number), 'x');
    in_heap.emplace_back(in_arena.back());
    numbers.push_back(number);
  }
  return in_arena == in_heap && numbers.back() == 999;
}

#ifdef __cpp_exceptions
template <class Function>
bool fails(Function function) {
  try {
    function();
  } catch (const std::bad_alloc&) {
    return true;
  }
  return false;
}
#else
template <class Function>
bool fails(Function function) {
  const pid_t child = fork();
  if (child == 0) {
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    function();
    _exit(0);
  }
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}
#endif

}  // namespace

int main() {
  require(containers_work(), "containers");

  hakmem::memory_resource first;
  hakmem::memory_resource second;
  hakmem::arena arena;
  require(first.is_equal(first), "a resource equals itself");
  require(!first.is_equal(*std::pmr::new_delete_resource()), "and not operator new");
  require(!first.is_equal(arena) && !arena.is_equal(first), "and no arena");
#ifdef __cpp_rtti
  require(first.is_equal(second), "any two are equal");
#endif
  require(hakmem::default_resource()->is_equal(*hakmem::default_resource()), "the default");

  require(fails([] { static_cast<void>(hakmem::default_resource()->allocate(SIZE_MAX / 4)); }),
          "the heap is exhausted");
  require(fails([&] { static_cast<void>(arena.allocate(SIZE_MAX / 4)); }), "an arena is exhausted");
  require(fails([] { static_cast<void>(hakmem::allocator<long>().allocate(SIZE_MAX / 4)); }),
          "the size overflows");
  return 0;
}
