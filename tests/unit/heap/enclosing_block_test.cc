#include "heap/blocks/enclosing_block.h"

#include <gtest/gtest.h>

#include "heap/slabs/slab.h"
#include "thread_heap_fixture.h"

namespace hakmem {
namespace {

TEST(EnclosingBlock, IsFoundFromEveryByteOfASlabsBlock) {
  ThreadScope scope;
  for (size_t size : {size_t{16}, size_t{100}, size_t{8000}, size_t{20'000}, size_t{65'536}}) {
    auto* block = static_cast<char*>(scope.allocate(size));
    for (size_t offset = 0; offset < size; offset += 7) {
      EXPECT_EQ(enclosing_block(block + offset).start, block) << size << " + " << offset;
    }
    EXPECT_GE(enclosing_block(block).bytes, size);
    EXPECT_NE(enclosing_block(block - 1).start, block);
    scope.release(block);
  }
}

TEST(EnclosingBlock, IsFoundFromLaterSlicesOfAMarkedExtent) {
  ThreadScope scope;
  constexpr size_t kBytes = 5 << 20;
  auto* block = static_cast<char*>(scope.allocate(kBytes));
  EXPECT_EQ(enclosing_block(block).start, block);
  EXPECT_EQ(enclosing_block(block + kBytes - 1).start, nullptr);
  Span& extent = *enclosing_block(block).span;
  mark_interior(extent);
  for (size_t offset = 0; offset < kBytes; offset += 4096) {
    EXPECT_EQ(enclosing_block(block + offset).start, block) << offset;
  }
  unmark_interior(extent);
  EXPECT_EQ(enclosing_block(block + kBytes - 1).start, nullptr);
  scope.release(block);
}

TEST(EnclosingBlock, IsNotFoundOutsideOfBlocks) {
  ThreadScope scope;
  int on_stack = 0;
  EXPECT_EQ(enclosing_block(&on_stack).span, nullptr);
  EXPECT_EQ(enclosing_block(nullptr).span, nullptr);
  auto* block = static_cast<char*>(scope.allocate(3000));
  const EnclosingBlock around = enclosing_block(block);
  auto* slab = static_cast<char*>(page_heap.map().start_of(around.span));
  EXPECT_EQ(enclosing_block(slab + kSliceSize - 1).start, nullptr);
  if (around.span->first_block > 0) EXPECT_EQ(enclosing_block(slab).start, nullptr);
  scope.release(block);
}

}  // namespace
}  // namespace hakmem
