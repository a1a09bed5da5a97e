// Owns: the layout around a block under the checks: a record before it, canaries on both sides.
// Called by: checks.cc, misuse_report.cc.
// Never: a lock; who may look at or change a block is for checks.cc to say.
//
//   start of the heap's block                                           its end
//   record (48) | ... | canary (8) | the program's bytes | canary | guard page, of extents
//
// In a slab the program's bytes follow the record at once, as their alignment allows: where nothing
// is between, the record's seal is the canary. In an extent they end as near to the guard page as
// their alignment allows, and the canary fills what is left.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hakmem {

// Starts the heap's block. Its first 16 bytes are what the heap writes into a free block: the
// rest, and with it the sites, outlives the block until its memory is handed out again.
struct CheckedBlock {
  CheckedBlock* next;
  size_t distance : 62;  // bytes from the record to the program's
  size_t guarded : 1;    // the page behind the canary is a guard
  size_t hidden : 1;     // freed, and its whole pages hold no memory
  const void* allocated_at;
  const void* freed_at;  // of a live block: nullptr
  size_t size : 48;      // bytes that the program asked for
  size_t witness : 16;   // a short seal: vouches for the members where the seal was written over
  uint64_t seal;         // made of the members but `next` and a secret; says live, freed or gone

  char* bytes() { return reinterpret_cast<char*>(this) + distance; }
  const char* bytes() const { return reinterpret_cast<const char*>(this) + distance; }
};
static_assert(sizeof(CheckedBlock) == 48);

inline constexpr size_t kFrontCanary = 8;
inline constexpr size_t kBackCanary = 16;  // without a guard page
inline constexpr size_t kFrontBytes = sizeof(CheckedBlock);

// kGone: back in the hands of the heap.
enum class BlockState : uint8_t { kLive, kFreed, kGone, kNeither };
enum class Damage : uint8_t { kNone, kBefore, kBehind };

// Once, before the first block.
void draw_secret();

// To be repeated whenever another member has changed.
void seal(CheckedBlock& block, BlockState state);
// kLive and kFreed: the members are whole. kNeither is everything else.
BlockState state_of(const CheckedBlock& block);

// Of a block in neither state: whether only the seal was written over.
bool is_witnessed(const CheckedBlock& block);

// Of a block that went back to the heap and was not handed out again: where the program's bytes
// were; nullptr when the record does not tell.
const char* bytes_of_gone(const CheckedBlock& block);

// Where the guard page starts, of a guarded block.
char* guard_of(const CheckedBlock& block, size_t page_size);

// Before the seal.
void write_canaries(CheckedBlock& block, size_t page_size);
// Of a block whose seal is whole.
Damage damage_of(const CheckedBlock& block, size_t page_size);

// The pattern of freed memory.
void fill_freed(char* from, char* end);
// The first byte that is not the pattern; `end` if all are.
const char* first_changed(const char* from, const char* end);

}  // namespace hakmem
