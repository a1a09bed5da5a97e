#include "heap/slab.h"

#include <gtest/gtest.h>

namespace hakmem {
namespace {

TEST(Slab, PlacesAreExactForEveryClassAndOffset) {
  for (SizeClass size_class = 0; size_class < kSizeClasses; ++size_class) {
    const size_t block_size = size_of_class(size_class);
    for (const uint32_t colour : {0u, 5u, 15u}) {
      Span slab[8] = {};
      slab->slices = slices_of_slab(block_size).count;
      initialize_slab(*slab, size_class, colour);
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

}  // namespace
}  // namespace hakmem
