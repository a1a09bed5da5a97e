#include <malloc.h>

#include <cstdio>
#include <cstdlib>
#include <hakmem/memory_resource.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

// Ends well only if malloc, operator new and the arenas are hakmem's.
int main() {
  hakmem_statistics before{};
  before.size = sizeof before;
  if (hakmem_get_statistics(&before) != 0) return 1;
  void* block = malloc(5'000'000);
  auto number = std::make_unique<std::string>(100'000, 'x');
  hakmem_statistics after{};
  after.size = sizeof after;
  hakmem_get_statistics(&after);
  if (after.allocated < before.allocated + 5'100'000) return 2;
  std::thread([] {
    hakmem::arena arena;
    std::pmr::vector<int> numbers(1000, 7, &arena);
    std::vector<int, hakmem::allocator<int>> more(numbers.begin(), numbers.end());
  }).join();
  free(block);
  std::printf("%s %s\n", hakmem_version_string(), hakmem_mode());
  return 0;
}
