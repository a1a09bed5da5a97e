#include "heap/blocks/arena.h"

#include <gtest/gtest.h>
#include <string.h>

#include <random>
#include <set>
#include <thread>
#include <vector>

#include "heap/blocks/arena_handle.h"
#include "thread_heap_fixture.h"

namespace hakmem {
namespace {

size_t used_bytes() {
  return page_heap.statistics().used_bytes;
}

// The block filled with a pattern of its own.
unsigned char* filled(ThreadHeap& arena, size_t size, int pattern) {
  void* block = heap_allocate(&arena, size);
  EXPECT_NE(block, nullptr);
  return static_cast<unsigned char*>(memset(block, pattern, size));
}

TEST(Arena, ResetFreesEveryBlockOfEverySize) {
  ThreadScope scope;
  ThreadHeap& arena = *create_arena();
  size_t after_first_round = 0;
  for (int round = 0; round < 5; ++round) {
    for (size_t size = 1; size < 3'000'000; size += size / 3 + 1) {
      unsigned char* block = filled(arena, size, round);
      EXPECT_EQ(block[size - 1], round);
    }
    reset_arena(arena, "test");
    drop_all_caches();
    if (round == 0) after_first_round = used_bytes();
  }
  EXPECT_EQ(used_bytes(), after_first_round);
  destroy_arena(arena, "test");
}

TEST(Arena, DestroyGivesBackAllAndTheNextArenaReusesIt) {
  ThreadScope scope;
  const size_t before = used_bytes();
  ThreadHeap* first = create_arena();
  for (int count = 0; count < 20'000; ++count) filled(*first, 1 + count % 5000, 1);
  filled(*first, 10 << 20, 2);
  EXPECT_GT(used_bytes(), before + (40u << 20));
  destroy_arena(*first, "test");
  drop_all_caches();
  EXPECT_EQ(used_bytes(), before);
  EXPECT_EQ(create_arena(), first);
  destroy_arena(*first, "test");
}

TEST(Arena, FreedBlocksServeTheArenaAgain) {
  ThreadScope scope;
  ThreadHeap& arena = *create_arena();
  filled(arena, 100, 1);
  const size_t before = used_bytes();
  for (int count = 0; count < 100'000; ++count) {
    void* block = heap_allocate(&arena, 100);
    if (count % 2 == 0) {
      arena_free(arena, block, "test");
    } else {
      heap_free(block, "free");  // through the inbox
    }
  }
  EXPECT_LE(used_bytes(), before + (1u << 20));
  destroy_arena(arena, "test");
}

TEST(Arena, BlocksOfTwoArenasAndOfTheThreadNeverMix) {
  ThreadScope scope;
  ThreadHeap* arenas[] = {create_arena(), create_arena()};
  std::vector<unsigned char*> kept;
  for (int count = 0; count < 1000; ++count) {
    filled(*arenas[0], 200, 10);
    filled(*arenas[1], 200, 11);
    kept.push_back(static_cast<unsigned char*>(memset(scope.allocate(200), 12, 200)));
  }
  reset_arena(*arenas[0], "test");
  destroy_arena(*arenas[1], "test");
  for (int count = 0; count < 2000; ++count) filled(*arenas[0], 200, 13);
  for (unsigned char* block : kept) {
    for (int index = 0; index < 200; ++index) ASSERT_EQ(block[index], 12);
    ThreadScope::release(block);
  }
  destroy_arena(*arenas[0], "test");
}

TEST(Arena, OtherThreadsFreeWhileItsUserAllocates) {
  ThreadScope scope;
  ThreadHeap& arena = *create_arena();
  constexpr int kRounds = 200;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<unsigned char*> blocks;
    std::mt19937 random(static_cast<unsigned>(round));
    for (int count = 0; count < 300; ++count) {
      const size_t size = random() % 100 == 0 ? 200'000 : 1 + random() % 3000;
      blocks.push_back(filled(arena, size, round % 251));
      blocks.back()[0] = static_cast<unsigned char>(round % 251);
    }
    std::thread other([&] {
      ThreadScope its_own;
      for (unsigned char* block : blocks) {
        EXPECT_EQ(block[0], round % 251);
        ThreadScope::release(block);
      }
    });
    for (int count = 0; count < 300; ++count) filled(arena, 1 + random() % 3000, 255);
    other.join();
    // All frees have returned: from here on the arena may go.
    reset_arena(arena, "test");
  }
  destroy_arena(arena, "test");
}

TEST(Arena, ReallocateMovesABlockOutOrLeavesItIn) {
  ThreadScope scope;
  ThreadHeap& arena = *create_arena();
  unsigned char* small = filled(arena, 100, 5);
  EXPECT_EQ(heap_reallocate(scope.heap(), small, 110, "realloc"), small);
  auto* moved = static_cast<unsigned char*>(heap_reallocate(scope.heap(), small, 5000, "realloc"));
  destroy_arena(arena, "test");
  for (int index = 0; index < 100; ++index) EXPECT_EQ(moved[index], 5);
  ThreadScope::release(moved);
}

TEST(Arena, AlignmentIsKept) {
  ThreadScope scope;
  ThreadHeap& arena = *create_arena();
  for (size_t alignment = 16; alignment <= (size_t{4} << 20); alignment *= 2) {
    for (const size_t size : {1u, 100u, 5000u, 100'000u, 3'000'000u}) {
      void* block = heap_allocate_aligned(&arena, alignment, size);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % alignment, 0u);
    }
  }
  destroy_arena(arena, "test");
}

#if !defined(__SANITIZE_THREAD__)
TEST(ArenaDeathTest, ForeignBlocksAndSecondFrees) {
  ThreadScope scope;
  ThreadHeap& arena = *create_arena();
  ThreadHeap& other = *create_arena();
  void* mine = heap_allocate(&arena, 100);
  void* large = heap_allocate(&arena, 1 << 20);
  void* of_thread = scope.allocate(100);
  EXPECT_DEATH(arena_free(other, mine, "test"), "test\\(\\): not a block of this arena.*0x");
  EXPECT_DEATH(arena_free(other, large, "test"), "not a block of this arena");
  EXPECT_DEATH(arena_free(other, of_thread, "test"), "not a block of this arena");
  arena_free(arena, mine, "test");
  EXPECT_DEATH(arena_free(arena, mine, "test"), "freed before");
  EXPECT_DEATH(heap_free(mine, "free"), "freed before");
  reset_arena(arena, "test");
  EXPECT_DEATH(heap_free(large, "free"), "free\\(\\): ");
  ThreadScope::release(of_thread);
  destroy_arena(arena, "test");
  destroy_arena(other, "test");
}

// Blocks that a reset took away, freed in each way afterwards.
TEST(ArenaDeathTest, FreesAfterReset) {
  ThreadScope scope;
  ThreadHeap& arena = *create_arena();
  void* small = heap_allocate(&arena, 100);
  void* medium = heap_allocate(&arena, 20'000);
  void* large = heap_allocate(&arena, 1 << 20);
  reset_arena(arena, "test");
  for (void* block : {small, medium, large}) {
    EXPECT_DEATH(arena_free(arena, block, "test"), "test\\(\\): .*0x");
    EXPECT_DEATH(heap_free(block, "free"), "free\\(\\): .*0x");
  }
  // A free that was still under way when the arena was reset.
  EXPECT_DEATH(
      {
        auto* block = static_cast<Block*>(heap_allocate(&arena, 100));
        block->marker = travelling(*page_heap.map().find(block));
        reset_arena(arena, "test");
        arena.inbox.post(block);
        arena.collect_inbox();
      },
      "freed before");
  destroy_arena(arena, "test");
}

TEST(ArenaDeathTest, UseByTwoThreads) {
  ThreadScope scope;
  ThreadHeap& arena = *create_arena();
  const auto meanwhile = [&](auto action) {
    VisitScope first(arena);
    std::thread(action).join();
  };
  EXPECT_DEATH(meanwhile([&] { arena_allocate(arena, 16, 100, "test"); }), "in use by another");
  EXPECT_DEATH(meanwhile([&] { reset_arena(arena, "test"); }), "in use by another");
  EXPECT_DEATH(meanwhile([&] { destroy_arena(arena, "test"); }), "in use by another");
  destroy_arena(arena, "test");
}
#endif

TEST(ArenaHandle, NamesOneArenaAndNoOtherAfterIt) {
  ThreadScope scope;
  std::set<uintptr_t> given;
  for (int round = 0; round < 1000; ++round) {
    ThreadHeap& arena = *create_arena();
    const ArenaHandle handle = give_handle(arena);
    EXPECT_TRUE(given.insert(handle.value).second);
    EXPECT_EQ(arena_of(handle), &arena);
    EXPECT_TRUE(withdraw_handle(arena, handle));
    EXPECT_FALSE(withdraw_handle(arena, handle));
    EXPECT_EQ(arena_of(handle), nullptr);
    destroy_arena(arena, "test");
  }
}

TEST(ArenaHandle, GarbageNamesNone) {
  ThreadScope scope;
  ThreadHeap& arena = *create_arena();
  const ArenaHandle handle = give_handle(arena);
  std::mt19937_64 random(1);
  for (int count = 0; count < 1'000'000; ++count) EXPECT_EQ(arena_of({random()}), nullptr);
  for (uintptr_t small = 0; small < 100'000; ++small) EXPECT_EQ(arena_of({small}), nullptr);
  EXPECT_EQ(arena_of({reinterpret_cast<uintptr_t>(&arena)}), nullptr);
  EXPECT_EQ(arena_of({handle.value + (1u << 30)}), nullptr);
  withdraw_handle(arena, handle);
  destroy_arena(arena, "test");
}

}  // namespace
}  // namespace hakmem
