// Owns: the patterns and the seal.
// Called by: see checked_block.h.
// Never: a canary byte of zero: the commonest overflow is a string's terminator.
#include "frontend/checks/checked_block.h"

#include <string.h>
#include <sys/auxv.h>

#include "base/bits.h"
#include "heap/slabs/size_class.h"

namespace hakmem {
namespace {

constexpr unsigned char kFreedByte = 0xdf;

constinit uint64_t secret = 0;

// The finalizer of SplitMix64.
uint64_t mixed(uint64_t value) {
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
  value = (value ^ value >> 27) * 0x94d049bb133111eb;
  return value ^ value >> 31;
}

uint64_t word_of(const void* pointer) {
  return static_cast<uint64_t>(reinterpret_cast<uintptr_t>(pointer));
}

// No byte of a seal or a canary is zero.
constexpr uint64_t kNoZeroBytes = 0x8080808080808080;

uint64_t hash_of(const CheckedBlock& block, uint64_t place) {
  uint64_t value = mixed(secret ^ word_of(&block));
  value = mixed(value ^ word_of(block.allocated_at));
  value = mixed(value ^ word_of(block.freed_at));
  value = mixed(value ^ block.size);
  return mixed(value ^ place);
}

uint64_t hash_of(const CheckedBlock& block) {
  return hash_of(block, block.distance << 2 | block.guarded << 1 | block.hidden);
}

// What a block that went back to the heap is sealed with: its own word is the heap's by then.
uint64_t hash_of_gone(const CheckedBlock& block, size_t distance) {
  return hash_of(block, distance << 2);
}

uint64_t seal_of(uint64_t hash, BlockState state) {
  constexpr uint64_t kApart = 0x9e3779b97f4a7c15;
  return (hash + kApart * static_cast<uint64_t>(state)) | kNoZeroBytes;
}

uint16_t witness_of(uint64_t hash) {
  return static_cast<uint16_t>(hash >> 48);
}

class Canary {
 public:
  explicit Canary(const CheckedBlock& block)
      : word_(mixed(secret + word_of(&block)) | kNoZeroBytes) {}

  void write(char* from, const char* end) const {
    for (; from < end; ++from) *from = byte_at(from);
  }
  bool is_whole(const char* from, const char* end) const {
    while (from < end && *from == byte_at(from)) ++from;
    return from == end;
  }

 private:
  char byte_at(const char* address) const {
    return static_cast<char>(word_ >> (reinterpret_cast<uintptr_t>(address) % 8 * 8));
  }

  const uint64_t word_;
};

bool has_front_canary(const CheckedBlock& block) {
  return block.distance >= kFrontBytes + kFrontCanary;
}

const char* end_of_back_canary(const CheckedBlock& block, size_t page_size) {
  if (block.guarded) return guard_of(block, page_size);
  return block.bytes() + block.size + kBackCanary;
}

}  // namespace

// AT_RANDOM: 16 random bytes from the kernel.
void draw_secret() {
  uint64_t random[2] = {};
  if (const auto* given = reinterpret_cast<const void*>(getauxval(AT_RANDOM))) {
    memcpy(random, given, sizeof random);
  }
  secret = mixed(random[0] ^ mixed(random[1] ^ word_of(&secret)));
}

// Whoever sees the seal sees the block that it vouches for; whoever sees the witness, the seal.
void seal(CheckedBlock& block, BlockState state) {
  const uint64_t hash = hash_of(block);
  __atomic_store_n(&block.seal, seal_of(hash, state), __ATOMIC_RELEASE);
  __atomic_thread_fence(__ATOMIC_RELEASE);
  block.witness = witness_of(hash);
}

BlockState state_of(const CheckedBlock& block) {
  const uint64_t word = __atomic_load_n(&block.seal, __ATOMIC_ACQUIRE);
  const uint64_t hash = hash_of(block);
  if (word == seal_of(hash, BlockState::kLive)) return BlockState::kLive;
  return word == seal_of(hash, BlockState::kFreed) ? BlockState::kFreed : BlockState::kNeither;
}

bool is_witnessed(const CheckedBlock& block) {
  const bool vouched = block.witness == witness_of(hash_of(block));
  __atomic_thread_fence(__ATOMIC_ACQUIRE);
  return vouched && state_of(block) == BlockState::kNeither;
}

// Only blocks of slabs stay legible, and those lie as near to the record as they can.
const char* bytes_of_gone(const CheckedBlock& block) {
  for (size_t alignment = kMinimumBlock; alignment <= kSlabLimit; alignment *= 2) {
    const size_t distance = round_up(kFrontBytes, alignment);
    const uint64_t hash = hash_of_gone(block, distance);
    if (block.seal == seal_of(hash, BlockState::kGone) || block.witness == witness_of(hash)) {
      return reinterpret_cast<const char*>(&block) + distance;
    }
  }
  return nullptr;
}

char* guard_of(const CheckedBlock& block, size_t page_size) {
  const auto end = reinterpret_cast<uintptr_t>(block.bytes() + block.size);
  return reinterpret_cast<char*>(round_up(end, page_size));
}

void write_canaries(CheckedBlock& block, size_t page_size) {
  const Canary canary(block);
  if (has_front_canary(block)) canary.write(block.bytes() - kFrontCanary, block.bytes());
  canary.write(block.bytes() + block.size, end_of_back_canary(block, page_size));
}

Damage damage_of(const CheckedBlock& block, size_t page_size) {
  const Canary canary(block);
  if (!canary.is_whole(block.bytes() + block.size, end_of_back_canary(block, page_size))) {
    return Damage::kBehind;
  }
  const bool whole =
      !has_front_canary(block) || canary.is_whole(block.bytes() - kFrontCanary, block.bytes());
  return whole ? Damage::kNone : Damage::kBefore;
}

void fill_freed(char* from, char* end) {
  if (from < end) memset(from, kFreedByte, static_cast<size_t>(end - from));
}

const char* first_changed(const char* from, const char* end) {
  while (from < end && static_cast<unsigned char>(*from) == kFreedByte) ++from;
  return from < end ? from : end;
}

}  // namespace hakmem
