// Owns: the life of a block under the checks, from its heap's block and back.
// Called by: see checks.h.
// Never: a message, or a long look at memory, under the lock.
//
//   checked_free
//     examine                what the pointer is, and whether its canaries are whole
//     seal as freed          from here on a second free shows
//     hide_contents          extents: guards; others: a pattern
//     held.push              waits
//     let_go                 the oldest ones: verify the pattern, back to the heap
#include "frontend/checks/checks.h"

#include <string.h>

#include <algorithm>

#include "base/bits.h"
#include "base/lock.h"
#include "frontend/checks/checked_block.h"
#include "frontend/checks/examination.h"
#include "frontend/checks/guard_pages.h"
#include "frontend/checks/held_blocks.h"
#include "frontend/checks/misuse_report.h"
#include "heap/blocks/arena.h"
#include "heap/blocks/enclosing_block.h"
#include "heap/heap.h"
#include "heap/pages/page_heap.h"
#include "heap/threads/heap_mending.h"
#include "settings/configuration.h"

namespace hakmem {
namespace {

constinit Lock checks_lock{LockRank::kChecks};
constinit ThreadHeap* heap = nullptr;
constinit HeldBlocks held;

size_t page_size() {
  return page_heap.backend().page_size();
}

struct Room {
  EnclosingBlock around;
  bool is_extent;
  bool zeroed;
};

// Slabs serve what they can align; see heap_allocate_aligned.
bool wants_extent(size_t alignment, size_t bytes) {
  return bytes > kSlabLimit || (alignment > kColourStep && bytes > kSmallLimit);
}

bool make_heap() {
  if (heap != nullptr) return true;
  draw_secret();
  heap = create_arena();
  return heap != nullptr;
}

bool find_room(size_t alignment, size_t size, Room& room) {
  LockGuard guard(checks_lock);
  if (!make_heap()) return false;
  const size_t in_slab = round_up(kFrontBytes, alignment) + size + kBackCanary;
  room.is_extent = wants_extent(alignment, in_slab);
  const size_t in_extent =
      std::max(kFrontBytes + alignment + size + 2 * page_size(), kSlabLimit + 1);
  const void* start = room.is_extent ? heap_allocate(heap, in_extent)
                                     : heap_allocate_aligned(heap, alignment, in_slab);
  if (start == nullptr) return false;
  room.around = enclosing_block(start);
  if (room.is_extent) mark_interior(*room.around.span);
  room.zeroed = room.is_extent && room.around.span->zeroed;
  return true;
}

// The highest place of `size` bytes that leaves `behind` free at the end of the room.
size_t distance_from_end(const Room& room, size_t alignment, size_t size, size_t behind) {
  const auto start = reinterpret_cast<uintptr_t>(room.around.start);
  return round_down(start + room.around.bytes - behind - size, alignment) - start;
}

void place(CheckedBlock& block, const Room& room, size_t alignment, size_t size) {
  block.size = size;
  block.distance = round_up(kFrontBytes, alignment);
  block.guarded = 0;
  block.hidden = 0;
  if (!room.is_extent) return;
  block.distance = distance_from_end(room, alignment, size, page_size());
  char* guard = guard_of(block, page_size());
  block.guarded = install_guards(guard, guard + page_size()) == Guarding::kDone ? 1 : 0;
  if (!block.guarded) block.distance = distance_from_end(room, alignment, size, kBackCanary);
}

void* allocate(size_t alignment, size_t size, const void* site, bool zeroed) {
  alignment = std::max(alignment, kMinimumBlock);
  Room room;
  if (!find_room(alignment, size, room)) {
    release_held_blocks({"malloc", site});
    if (!find_room(alignment, size, room)) return nullptr;
  }
  auto& block = *static_cast<CheckedBlock*>(room.around.start);
  place(block, room, alignment, size);
  block.next = nullptr;
  block.allocated_at = site;
  block.freed_at = nullptr;
  write_canaries(block, page_size());
  if (zeroed && !room.zeroed) memset(block.bytes(), 0, size);
  seal(block, BlockState::kLive);
  return block.bytes();
}

// The first page of an extent's block that a guard may take: not the record's.
char* first_page_to_hide(CheckedBlock& block) {
  const uintptr_t behind_record = reinterpret_cast<uintptr_t>(&block) + kFrontBytes;
  const uintptr_t first =
      std::max(round_up(behind_record, page_size()),
               round_down(reinterpret_cast<uintptr_t>(block.bytes()), page_size()));
  return reinterpret_cast<char*>(first);
}

char* end_of_visible(CheckedBlock& block) {
  char* end = block.bytes() + block.size;
  return block.hidden ? std::min(end, std::max(block.bytes(), first_page_to_hide(block))) : end;
}

// Where the kernel has guards, a freed extent holds no memory, and every access to it is a fault.
// Where it has none, what is too much to hold gives its pages back, and is not looked at again.
// True as well where pages became guards that nobody can take away.
bool hide_pages(CheckedBlock& block) {
  char* from = first_page_to_hide(block);
  if (block.guarded) {
    char* guard = guard_of(block, page_size());
    if (from >= guard) return false;
    if (install_guards(from, guard) != Guarding::kRefused) return true;
  } else {
    if (block.size <= HeldBlocks::kMostHeld / 2) return false;
    const auto end =
        round_down(reinterpret_cast<uintptr_t>(block.bytes() + block.size), page_size());
    const AddressRange pages{from, end - reinterpret_cast<uintptr_t>(from)};
    if (page_heap.backend().purge(&pages, 1) == 1) return true;
  }
  // What the kernel did before it refused may have taken them.
  write_canaries(block, page_size());
  return false;
}

void hide_contents(CheckedBlock& block) {
  block.hidden = hide_pages(block) ? 1 : 0;
  fill_freed(block.bytes(), end_of_visible(block));
}

const char* changed_after_free(CheckedBlock& block) {
  if (state_of(block) != BlockState::kFreed) return block.bytes();
  const char* end = end_of_visible(block);
  const char* changed = first_changed(block.bytes(), end);
  if (changed != end) return changed;
  const bool whole = block.hidden || damage_of(block, page_size()) == Damage::kNone;
  return whole ? nullptr : block.bytes();
}

[[noreturn]] void report_changed(const Call& call, const char* changed, const Suspect& suspect) {
  report_misuse(call, "memory was written after it was freed", changed, &suspect);
}

bool open_guards(CheckedBlock& block) {
  if (!block.guarded) return true;
  char* guard = guard_of(block, page_size());
  return remove_guards(block.hidden ? first_page_to_hide(block) : guard, guard + page_size());
}

// Under the lock. What cannot be opened stays a freed block for good.
void give_back(CheckedBlock& block) {
  const EnclosingBlock around = enclosing_block(&block);
  if (!open_guards(block)) return;
  if (around.span->kind.load(std::memory_order_relaxed) == SpanKind::kExtent) {
    unmark_interior(*around.span);
  }
  block.guarded = 0;
  block.hidden = 0;
  seal(block, BlockState::kGone);
  arena_free(*heap, &block, "free");
}

CheckedBlock* pop_held(bool all) {
  LockGuard guard(checks_lock);
  return held.pop(all);
}

void let_go(CheckedBlock& block, const Call& call) {
  if (const char* changed = changed_after_free(block)) {
    report_changed(call, changed, suspect_of(block));
  }
  LockGuard guard(checks_lock);
  give_back(block);
}

void let_go_of_held(bool all, const Call& call) {
  while (CheckedBlock* block = pop_held(all)) let_go(*block, call);
}

// A program may free what it has made read-only; libc unmaps blocks of this size.
void restore_access_to(const void* address) {
  const EnclosingBlock around = enclosing_block(address);
  if (heap == nullptr || around.start == nullptr || around.span->heap != heap) return;
  if (around.span->kind.load(std::memory_order_relaxed) != SpanKind::kExtent) return;
  auto* start = static_cast<char*>(around.start);
  restore_access(start, start + around.bytes);
}

// realloc's, where there is no memory to move to. A guard page would be too far away.
void shrink(CheckedBlock& block, size_t size) {
  LockGuard guard(checks_lock);
  if (!open_guards(block)) return;
  block.guarded = 0;
  block.size = size;
  write_canaries(block, page_size());
  seal(block, BlockState::kLive);
}

Finding examine_block(const void* address, const Call& call) {
  Finding finding;
  {
    LockGuard guard(checks_lock);
    finding = examine(heap, address);
  }
  report_if_wrong(finding, call, address);
  return finding;
}

const char* find_change_among_held(Suspect& suspect) {
  LockGuard guard(checks_lock);
  for (CheckedBlock* block = held.first(); block != nullptr; block = block->next) {
    const char* changed = changed_after_free(*block);
    suspect = suspect_of(*block);
    if (changed != nullptr) return changed;
  }
  return nullptr;
}

}  // namespace

bool checks_are_on() {
  return configuration().has(Feature::checks) && configuration().has(Feature::pool);
}

void* checked_allocate(size_t alignment, size_t size, const void* site) {
  return allocate(alignment, size, site, false);
}

void* checked_allocate_zeroed(size_t size, const void* site) {
  return allocate(kMinimumBlock, size, site, true);
}

bool checked_free(void* address, size_t size, const Call& call) {
  restore_access_to(address);
  Finding finding;
  {
    LockGuard guard(checks_lock);
    finding = examine(heap, address);
    if (finding.wrong == nullptr && finding.block != nullptr) {
      if (size != kAnySize && size != finding.block->size) {
        finding.wrong = "the size given is not the block's";
      } else {
        finding.block->freed_at = call.site;
        seal(*finding.block, BlockState::kFreed);
      }
    }
  }
  report_if_wrong(finding, call, address);
  if (finding.block == nullptr) return false;
  CheckedBlock& block = *finding.block;
  hide_contents(block);
  {
    LockGuard guard(checks_lock);
    seal(block, BlockState::kFreed);
    held.push(block);
  }
  let_go_of_held(false, call);
  return true;
}

bool checked_size(void* address, const Call& call, size_t& size) {
  const Finding finding = examine_block(address, call);
  size = finding.suspect.size;
  return finding.block != nullptr;
}

bool checked_reallocate(void* address, size_t size, const Call& call, void*& result) {
  const Finding finding = examine_block(address, call);
  if (finding.block == nullptr) return false;
  const size_t old_size = finding.suspect.size;
  result = checked_allocate(kMinimumBlock, size, call.site);
  if (result == nullptr) {
    if (size > old_size) return true;
    shrink(*finding.block, size);
    result = address;
    return true;
  }
  memcpy(result, address, std::min(size, old_size));
  checked_free(address, kAnySize, call);
  return true;
}

void release_held_blocks(const Call& call) {
  let_go_of_held(true, call);
}

size_t held_bytes() {
  LockGuard guard(checks_lock);
  return held.bytes();
}

void check_all_blocks(const Call& call) {
  Finding finding;
  {
    LockGuard guard(checks_lock);
    finding = find_damage(heap);
  }
  if (finding.wrong != nullptr) report_if_wrong(finding, call, finding.block->bytes());
  Suspect suspect;
  const char* changed = find_change_among_held(suspect);
  if (changed != nullptr) report_changed(call, changed, suspect);
}

bool describe_guard_fault(const void* address, const Call& call) {
  const EnclosingBlock around = enclosing_block(address);
  if (around.start == nullptr || around.span->heap != heap) return false;
  auto& block = *static_cast<CheckedBlock*>(around.start);
  if (state_of(block) == BlockState::kNeither || !block.guarded) return false;
  const char* guard = guard_of(block, page_size());
  const bool is_behind = address >= guard && address < guard + page_size();
  const bool is_hidden = block.hidden && address >= first_page_to_hide(block) && address < guard;
  if (!is_behind && !is_hidden) return false;
  const Suspect suspect = suspect_of(block);
  describe_misuse(call, is_hidden ? "memory was freed" : "memory behind the block", address,
                  &suspect);
  return true;
}

void checks_after_fork_in_child() {
  if (!checks_lock.take_from_lost_thread()) return;
  if (heap != nullptr) mend_arena(*heap);
  held.mend();
}

}  // namespace hakmem
