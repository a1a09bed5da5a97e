// The heap's API against a model: sizes, alignment, contents, arenas, frees from another thread.
#include <string.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <thread>
#include <vector>

#include "heap/blocks/arena.h"
#include "input.h"
#include "unit/heap/thread_heap_fixture.h"

using namespace hakmem;

namespace {

struct Live {
  unsigned char* start;
  size_t size;
  unsigned char pattern;
  ThreadHeap* arena;  // nullptr: the thread's heap
};

void require(bool condition) {
  if (!condition) abort();
}

class Model {
 public:
  void add(void* start, size_t size, size_t alignment, ThreadHeap* arena) {
    if (start == nullptr) return;
    const auto address = reinterpret_cast<uintptr_t>(start);
    require(address % std::max(alignment, size_t{16}) == 0);
    require(heap_usable_size(start, "fuzz") >= size);
    const auto after = by_address_.lower_bound(address);
    require(after == by_address_.end() || after->first >= address + size);
    require(after == by_address_.begin() || std::prev(after)->second <= address);
    by_address_[address] = address + std::max(size, size_t{1});
    const Live block{static_cast<unsigned char*>(start), size, next_pattern_++, arena};
    fill(block);
    blocks_.push_back(block);
  }

  Live take(size_t choice) {
    const size_t index = choice % blocks_.size();
    const Live block = blocks_[index];
    blocks_[index] = blocks_.back();
    blocks_.pop_back();
    by_address_.erase(reinterpret_cast<uintptr_t>(block.start));
    check(block, block.size);
    return block;
  }

  void forget(const ThreadHeap* arena) {
    for (size_t index = blocks_.size(); index-- > 0;) {
      if (blocks_[index].arena == arena) take(index);
    }
  }

  static void check(const Live& block, size_t size) {
    for (const size_t at : {size_t{0}, size / 2, size - 1}) {
      if (at < size) require(block.start[at] == block.pattern);
    }
  }

  bool empty() const { return blocks_.empty(); }

 private:
  static void fill(const Live& block) {
    if (block.size <= 4096) {
      memset(block.start, block.pattern, block.size);
      return;
    }
    for (const size_t at : {size_t{0}, block.size / 2, block.size - 1}) {
      block.start[at] = block.pattern;
    }
  }

  std::vector<Live> blocks_;
  std::map<uintptr_t, uintptr_t> by_address_;  // start to end
  unsigned char next_pattern_ = 1;
};

size_t size_from(Input& input) {
  const uint16_t word = input.word();
  // Mostly small, up to 16 MiB.
  return static_cast<size_t>(word & 0x3ff) << ((word >> 10) % 15);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ThreadScope scope;
  ThreadHeap* arena = create_arena();
  Input input(data, size);
  Model model;
  while (!input.empty()) {
    const uint8_t action = input.byte();
    ThreadHeap* heap = (action & 0x80) != 0 ? arena : scope.heap();
    ThreadHeap* owner = heap == arena ? arena : nullptr;
    switch (action % 10) {
      case 0:
      case 1: {
        const size_t bytes = size_from(input);
        model.add(heap_allocate(heap, bytes), bytes, 16, owner);
        break;
      }
      case 2: {
        const size_t bytes = size_from(input);
        auto* zeroed = static_cast<unsigned char*>(heap_allocate_zeroed(heap, bytes));
        for (size_t at = 0; zeroed != nullptr && at < bytes; at += 1 + bytes / 64) {
          require(zeroed[at] == 0);
        }
        model.add(zeroed, bytes, 16, owner);
        break;
      }
      case 3: {
        const size_t alignment = size_t{16} << (input.byte() % 18);
        const size_t bytes = size_from(input);
        model.add(heap_allocate_aligned(heap, alignment, bytes), bytes, alignment, owner);
        break;
      }
      case 4:
      case 5: {
        if (model.empty()) break;
        const Live block = model.take(input.word());
        if (block.arena != nullptr && action % 10 == 4) {
          arena_free(*block.arena, block.start, "fuzz");
        } else {
          heap_free(block.start, "fuzz");
        }
        break;
      }
      case 6: {
        if (model.empty()) break;
        const Live block = model.take(input.word());
        const size_t bytes = std::max(size_from(input), size_t{1});
        void* moved = heap_reallocate(scope.heap(), block.start, bytes, "fuzz");
        require(moved != nullptr || bytes > block.size);
        if (moved == nullptr) {
          heap_free(block.start, "fuzz");
          break;
        }
        auto* start = static_cast<unsigned char*>(moved);
        if (block.size > 0) require(start[0] == block.pattern);
        const bool in_arena = block.arena != nullptr && moved == block.start;
        model.add(moved, bytes, 16, in_arena ? block.arena : nullptr);
        break;
      }
      case 7: {
        if (model.empty()) break;
        const Live block = model.take(input.word());
        std::thread([&] {
          ThreadScope other;
          heap_free(block.start, "fuzz");
        }).join();
        break;
      }
      case 8:
        heap_trim(0);
        break;
      case 9:
        if (input.byte() % 4 != 0) break;
        model.forget(arena);
        reset_arena(*arena, "fuzz");
        break;
    }
  }
  model.forget(arena);
  destroy_arena(*arena, "fuzz");
  while (!model.empty()) heap_free(model.take(0).start, "fuzz");
  heap_trim(0);
  return 0;
}
