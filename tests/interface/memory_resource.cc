// The C++ interface, under whatever mode the environment sets.
#include <gtest/gtest.h>

#include <cstdint>
#include <hakmem/memory_resource.hpp>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace {

TEST(MemoryResource, ServesContainersOfEveryKind) {
  std::pmr::memory_resource* resource = hakmem::default_resource();
  std::pmr::vector<std::pmr::string> words(resource);
  std::pmr::map<int, std::pmr::string> by_number(resource);
  for (int number = 0; number < 5000; ++number) {
    words.emplace_back(std::string(static_cast<size_t>(number) % 700, 'x'));
    by_number.emplace(number, words.back());
  }
  for (int number = 0; number < 5000; ++number) {
    ASSERT_EQ(by_number.at(number).size(), static_cast<size_t>(number) % 700);
  }
}

TEST(MemoryResource, AlignmentsAndEquality) {
  hakmem::memory_resource first;
  hakmem::memory_resource second;
  EXPECT_TRUE(first.is_equal(second));
  EXPECT_FALSE(first.is_equal(*std::pmr::new_delete_resource()));
  for (size_t alignment = 1; alignment <= 4096; alignment *= 2) {
    for (const size_t size : {1u, 64u, 1000u, 70'000u}) {
      void* block = first.allocate(size, alignment);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % alignment, 0u);
      second.deallocate(block, size, alignment);
    }
  }
}

TEST(MemoryResource, ExhaustionThrows) {
  EXPECT_THROW(static_cast<void>(hakmem::default_resource()->allocate(SIZE_MAX / 4)),
               std::bad_alloc);
  EXPECT_THROW(static_cast<void>(hakmem::allocator<long>().allocate(SIZE_MAX / 4)),
               std::bad_array_new_length);
  EXPECT_THROW(static_cast<void>(hakmem::allocator<char>().allocate(SIZE_MAX / 2 + 9)),
               std::bad_alloc);
  hakmem::arena arena;
  EXPECT_THROW(static_cast<void>(arena.allocate(SIZE_MAX / 2 + 9)), std::bad_alloc);
}

TEST(Allocator, MeetsTheRequirements) {
  using Numbers = std::vector<int, hakmem::allocator<int>>;
  Numbers numbers;
  for (int number = 0; number < 100'000; ++number) numbers.push_back(number);
  Numbers moved = std::move(numbers);
  EXPECT_EQ(moved.back(), 99'999);
  std::list<int, hakmem::allocator<int>> list(moved.begin(), moved.begin() + 100);
  EXPECT_EQ(list.size(), 100u);
  std::unordered_map<int, int, std::hash<int>, std::equal_to<>,
                     hakmem::allocator<std::pair<const int, int>>>
      map;
  for (int number = 0; number < 1000; ++number) map[number] = -number;
  EXPECT_EQ(map.at(999), -999);
  struct alignas(256) Wide {
    char bytes[256];
  };
  auto shared = std::allocate_shared<Wide>(hakmem::allocator<Wide>());
  EXPECT_EQ(reinterpret_cast<uintptr_t>(shared.get()) % 256, 0u);
  EXPECT_TRUE(hakmem::allocator<int>() == hakmem::allocator<char>());
  EXPECT_FALSE(hakmem::allocator<int>() != hakmem::allocator<char>());
}

TEST(Arena, HoldsContainersUntilItIsReset) {
  hakmem::arena arena;
  EXPECT_TRUE(arena.is_equal(arena));
  EXPECT_FALSE(arena.is_equal(*hakmem::default_resource()));
  for (int round = 0; round < 20; ++round) {
    auto* numbers = new (arena.allocate(sizeof(std::pmr::vector<int>)))
        std::pmr::vector<int>(&arena);  // never destroyed: its memory goes with the arena
    for (int number = 0; number < 50'000; ++number) numbers->push_back(number);
    ASSERT_EQ(numbers->back(), 49'999);
    arena.reset();
  }
}

TEST(Arena, ManyThreadsWithAnArenaEach) {
  std::vector<std::thread> threads;
  for (int index = 0; index < 8; ++index) {
    threads.emplace_back([index] {
      for (int round = 0; round < 20; ++round) {
        hakmem::arena arena;
        std::pmr::list<int> list(&arena);
        for (int number = 0; number < 2000; ++number) list.push_back(index);
        for (const int number : list) ASSERT_EQ(number, index);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
