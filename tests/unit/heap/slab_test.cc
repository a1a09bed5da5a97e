#include "heap/slabs/slab.h"

#include <gtest/gtest.h>

namespace hakmem {
namespace {

alignas(kSliceSize) char memory[kSliceSize];

TEST(Slab, PlacesAreExactForEveryClassAndOffset) {
  for (SizeClass size_class = 0; size_class < kSizeClasses; ++size_class) {
    const size_t block_size = size_of_class(size_class);
    for (const uint32_t colour : {0u, 5u, 15u}) {
      Span slab[8] = {};
      slab->slices = slices_of_slab(block_size).count;
      initialize_slab(*slab, size_class, colour, memory);
      slab->carved = slab->capacity / 2;
      ASSERT_LE(slab->first_block + size_t{slab->capacity} * block_size,
                Slices{slab->slices}.bytes());
      ASSERT_EQ(slab->first_block % natural_alignment(block_size), 0u);
      for (size_t offset = 0; offset < Slices{slab->slices}.bytes(); ++offset) {
        const bool start = offset >= slab->first_block &&
                           (offset - slab->first_block) % block_size == 0 &&
                           (offset - slab->first_block) / block_size < slab->capacity;
        const bool carved = start && (offset - slab->first_block) / block_size < slab->carved;
        const SlabPlace expected = carved  ? SlabPlace::kBlock
                                   : start ? SlabPlace::kNeverHandedOut
                                           : SlabPlace::kNoBlock;
        ASSERT_EQ(place_in_slab(*slab, offset), expected) << block_size << " at " << offset;
      }
    }
  }
}

// What the fast path pops from, whatever a link was made to be.
TEST(Slab, LinksLeadIntoTheirSlice) {
  Span slab[1] = {};
  slab->slices = 1;
  initialize_slab(*slab, size_class_of(48), 0, memory);
  ASSERT_TRUE(carve(*slab, memory));
  ASSERT_GE(slab->free, slab->end + 1);
  Block block_elsewhere = {nullptr, mark_of(*slab)};
  for (const uintptr_t link : {uintptr_t{0}, ~uintptr_t{0}, reinterpret_cast<uintptr_t>(slab),
                               reinterpret_cast<uintptr_t>(&block_elsewhere)}) {
    slab->free->next = reinterpret_cast<Block*>(link);
    const Block* next = next_in_slice(slab->free);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(next) / kSliceSize,
              reinterpret_cast<uintptr_t>(memory) / kSliceSize);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(next) % kSliceSize, link % kSliceSize);
  }
}

// The end of a list lies in the slab, before all blocks, and carries no mark.
TEST(Slab, EmptyListsMiss) {
  for (SizeClass size_class = 0; size_class < kDirectClasses; ++size_class) {
    Span slab[1] = {};
    slab->slices = 1;
    initialize_slab(*slab, size_class, 0, memory);
    EXPECT_EQ(slab->free, reinterpret_cast<Block*>(memory));
    EXPECT_NE(slab->free->marker, mark_of(*slab));
    EXPECT_GE(slab->first_block, sizeof(Block));
    EXPECT_EQ(slab->first_block % natural_alignment(slab->block_size), 0u);
  }
}

}  // namespace
}  // namespace hakmem
