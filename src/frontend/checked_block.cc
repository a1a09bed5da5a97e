// Owns: the patterns and the seal.
// Called by: see checked_block.h.
// Never: a canary byte of zero: the commonest overflow is a string's terminator.
#include "frontend/checked_block.h"

#include <string.h>
#include <sys/auxv.h>

#include "base/bits.h"

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

uint64_t live_seal(const CheckedBlock& block) {
  uint64_t value = mixed(secret ^ word_of(&block));
  value = mixed(value ^ word_of(block.allocated_at));
  value = mixed(value ^ word_of(block.freed_at));
  value = mixed(value ^ block.size);
  return mixed(value ^ (block.distance << 2 | block.guarded << 1 | block.hidden));
}

class Canary {
 public:
  explicit Canary(const CheckedBlock& block)
      : word_(mixed(secret + word_of(&block)) | 0x8080808080808080) {}

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

void seal(CheckedBlock& block, BlockState state) {
  const uint64_t live = live_seal(block);
  const uint64_t word = state == BlockState::kLive ? live : ~live;
  // Last: whoever sees the seal sees the block that it vouches for.
  __atomic_store_n(&block.seal, word, __ATOMIC_RELEASE);
}

BlockState state_of(const CheckedBlock& block) {
  const uint64_t word = __atomic_load_n(&block.seal, __ATOMIC_ACQUIRE);
  const uint64_t live = live_seal(block);
  if (word == live) return BlockState::kLive;
  return word == ~live ? BlockState::kFreed : BlockState::kNeither;
}

void write_epitaph(CheckedBlock& block) {
  block.epitaph = mixed(live_seal(block));
}

bool has_epitaph(const CheckedBlock& block) {
  return block.epitaph == mixed(live_seal(block));
}

char* guard_of(const CheckedBlock& block, size_t page_size) {
  const auto end = reinterpret_cast<uintptr_t>(block.bytes() + block.size);
  return reinterpret_cast<char*>(round_up(end, page_size));
}

void write_canaries(CheckedBlock& block, size_t page_size) {
  const Canary canary(block);
  canary.write(block.bytes() - kFrontCanary, block.bytes());
  canary.write(block.bytes() + block.size, end_of_back_canary(block, page_size));
}

Damage damage_of(const CheckedBlock& block, size_t page_size) {
  const Canary canary(block);
  if (!canary.is_whole(block.bytes() + block.size, end_of_back_canary(block, page_size))) {
    return Damage::kBehind;
  }
  return canary.is_whole(block.bytes() - kFrontCanary, block.bytes()) ? Damage::kNone
                                                                      : Damage::kBefore;
}

void fill_freed(char* from, char* end) {
  if (from < end) memset(from, kFreedByte, static_cast<size_t>(end - from));
}

const char* first_changed(const char* from, const char* end) {
  while (from < end && static_cast<unsigned char>(*from) == kFreedByte) ++from;
  return from < end ? from : end;
}

}  // namespace hakmem
