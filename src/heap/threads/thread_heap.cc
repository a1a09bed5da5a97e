// Owns: the owner's slow paths: finding a slab to allocate from, settling a freed block.
// Called by: malloc and free when the fast path misses; heap_registry.cc at a change of owner.
// Never: a lock held (the page heap takes its own).
//
//   allocate_slow
//     settle_remote_frees    what others freed; push_and_settle for each block
//     current slab           its free list, then carving
//     park_full, next_slab   an available slab, else a new one from the page heap
//   push_and_settle          full -> available -> empty
//     slab_emptied           kept, one per class, or released
#include "heap/threads/thread_heap.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "base/store_order.h"
#include "base/thread_id.h"
#include "heap/blocks/extent.h"
#include "heap/blocks/free_path.h"
#include "heap/pages/page_heap.h"
#include "policy/knobs.h"
#include "telemetry/counters.h"

namespace hakmem {
namespace {

// In place of a count: frees into a current slab until the time is looked at, which takes as long
// as five pairs of malloc and free.
constexpr uint32_t kFreesBetweenLooks = 4096;

template <class Value, size_t... Index>
constexpr std::array<Value, sizeof...(Index)> filled(Value value, std::index_sequence<Index...>) {
  return {((void)Index, value)...};
}

uintptr_t distance_of(const Span* slab) {
  return reinterpret_cast<uintptr_t>(slab) - reinterpret_cast<uintptr_t>(&kNoSlab);
}

template <size_t Count>
constexpr std::array<Span*, Count> no_slabs() {
  return filled(&kNoSlab, std::make_index_sequence<Count>());
}

// The block behind `block`, which is on the list; ends the process if either is damaged.
Block* checked_next(const Span& slab, const Block* block) {
  if (block->marker == mark_of(slab)) {
    Block* next = next_on_list(slab, block);
    if (may_be_next(slab, next, page_heap.map().start_of(&slab))) return next;
  }
  fatal("malloc", "free list damaged (write into a freed block?) near",
        reinterpret_cast<uintptr_t>(block));
}

// Pops from a list that has blocks; nullptr from an empty one.
void* pop(Span& slab) {
  Block* block = slab.free;
  if (block == slab.end) return nullptr;
  slab.free = checked_next(slab, block);
  block->marker = 0;
  return block;
}

// On the free list of a slab that is not current.
uint32_t free_blocks_of(const Span& slab) {
  return slab.carved.load(std::memory_order_relaxed) - slab.outstanding;
}

uint32_t length_of_list(const Span& slab) {
  uint32_t length = 0;
  for (Block* block = slab.free; block != slab.end; block = checked_next(slab, block)) ++length;
  return length;
}

}  // namespace

constinit Span kNoSlab = {.free = &kEndOfList,
                          .outstanding = 0,
                          .state = SlabState::kFull,
                          .zeroed = false,
                          .site = 0,
                          .next = nullptr,
                          .previous = nullptr,
                          .end = &kEndOfList,
                          .owner = {},
                          .heap = nullptr,
                          .reciprocal = 0,
                          .block_size = 1,
                          .capacity = 0,
                          .first_block = 0,
                          .carved = {},
                          .slices = 0,
                          .kind = SpanKind::kFree,
                          .size_class = 0};

constinit ThreadHeap kNoHeap = {.direct = no_slabs<kDirectEntries>(),
                                .current = no_slabs<kSizeClasses>(),
                                .available = {},
                                .full = {},
                                .cache = {},
                                .stack_start = 0,
                                .next_colour = 0,
                                .small_slabs = {},
                                .slabs = {},
                                .thread = 0,
                                .visitor = 0,
                                .next_registered = nullptr,
                                .own_extents = {},
                                .place_of_arena = 0,
                                .handle = 0,
                                .outgoing = {},
                                .inbox = {},
                                .state = HeapState::kOwned};

__thread uintptr_t thread_heap_distance __attribute__((tls_model("initial-exec"))) = 0;
__thread std::array<uintptr_t, kDirectEntries> direct_slab_distances
    __attribute__((tls_model("initial-exec"))) = {};

void set_thread_heap(ThreadHeap* heap) {
  thread_heap_distance = reinterpret_cast<uintptr_t>(heap) - reinterpret_cast<uintptr_t>(&kNoHeap);
  for (size_t entry = 0; entry < kDirectEntries; ++entry) {
    direct_slab_distances[entry] = distance_of(heap->direct[entry]);
  }
}

void* ThreadHeap::allocate_slow(SizeClass size_class) {
  settle_remote_frees();
  Span* slab = current[size_class];
  while (true) {
    if (slab != &kNoSlab) {
      if (void* block = pop(*slab)) return block;
      if (reuse_pays(*slab)) {
        set_aside(*slab);
      } else if (carve(*slab, page_heap.map().start_of(slab))) {
        continue;
      } else {
        park_full(*slab);
      }
    }
    slab = next_slab(size_class);
    set_current(size_class, slab != nullptr ? slab : &kNoSlab);
    if (slab == nullptr) return nullptr;
  }
}

// Slabs of several slices hold a few large blocks and stay sparse for long.
Backing ThreadHeap::backing_for(Slices slab) const {
  const bool fills = slab.count == 1 && small_slabs.bytes() >= read_knob(knobs.huge_slabs_from);
  return fills ? Backing::kHugePage : Backing::kSmallPages;
}

uint32_t ThreadHeap::colour_for(const Span& span, uint32_t colours) {
  const void* const read_by_all[] = {&page_heap,      &span,   &span.owner,
                                     &current.back(), &thread, &thread_heap_distance};
  const auto is_taken = [&](uint32_t colour) {
    return std::any_of(std::begin(read_by_all), std::end(read_by_all), [&](const void* variable) {
      return reinterpret_cast<uintptr_t>(variable) / kColourStep % kColours == colour;
    });
  };
  while (is_taken(next_colour % colours)) ++next_colour;
  return next_colour++ % colours;
}

Span* ThreadHeap::new_slab(SizeClass size_class) {
  const Slices length = slices_of_slab(size_of_class(size_class));
  Span* slab = cache.take_slab(length);
  if (slab != nullptr) {
    slab->zeroed = false;
  } else {
    slab = allocate_span(length, {1}, backing_for(length));
  }
  if (slab == nullptr) return nullptr;
  const bool fills =
      length.count == 1 && slabs[size_class].bytes() >= read_knob(knobs.populate_slabs_from);
  if (fills && slab->zeroed && read_knob(knobs.pack_slabs) == 0) page_heap.populate(*slab);
  if (length.count == 1) ++small_slabs.count;
  slabs[size_class] = slabs[size_class] + length;
  initialize_slab(*slab, size_class, colour_for(*slab, kColoursOfSlabs),
                  page_heap.map().start_of(slab));
  slab->heap = this;
  set_owner(*slab, thread.load(std::memory_order_relaxed));
  // Last: from here on others may read all of it.
  slab->kind.store(SpanKind::kSlab, std::memory_order_release);
  count(counters.slabs_created);
  return slab;
}

// As long as each slab of a class has its turn, none empties; nullptr where packing is not called
// for, or none has a free block.
Span* ThreadHeap::fullest_available(SizeClass size_class) const {
  if (read_knob(knobs.pack_slabs) == 0) return nullptr;
  constexpr int kMostLooks = 4;
  Span* fullest = nullptr;
  uint32_t least = UINT32_MAX;
  int looks = 0;
  for (Span* slab = available[size_class].head; slab != nullptr && looks < kMostLooks; ++looks) {
    const uint32_t free = free_blocks_of(*slab);
    if (free != 0 && free < least) {
      least = free;
      fullest = slab;
    }
    slab = slab->next;
  }
  return fullest;
}

Span* ThreadHeap::take_available(SizeClass size_class) {
  Span* fullest = fullest_available(size_class);
  if (fullest == nullptr) return available[size_class].pop_front();
  available[size_class].remove(*fullest);
  return fullest;
}

Span* ThreadHeap::next_slab(SizeClass size_class) {
  Span* slab = take_available(size_class);
  if (slab == nullptr) slab = new_slab(size_class);
  if (slab == nullptr) return nullptr;
  slab->state = SlabState::kCurrent;
  slab->outstanding = kFreesBetweenLooks;
  return slab;
}

void ThreadHeap::set_current(SizeClass size_class, Span* slab) {
  current[size_class] = slab;
  const size_t size = size_of_class(size_class);
  if (size > kDirectLimit) return;
  const size_t smaller = size_class == 0 ? 0 : size_of_class(size_class - 1);
  const size_t first = size_class == 0 ? 0 : smaller / kMinimumBlock + 1;
  for (size_t entry = first; entry <= size / kMinimumBlock; ++entry) {
    direct[entry] = slab;
    if (this == thread_heap()) direct_slab_distances[entry] = distance_of(slab);
  }
}

void ThreadHeap::park_full(Span& slab) {
  HAKMEM_ASSERT(slab.free == slab.end && !is_carvable(slab));
  slab.state = SlabState::kFull;
  slab.outstanding = slab.carved.load(std::memory_order_relaxed);
  set_owner(slab, thread.load(std::memory_order_relaxed));
  full.push_back(slab);
}

// Whether the class's next slab has at least as many free blocks as carving would give: then what
// is uncarved stays untouched.
bool ThreadHeap::reuse_pays(const Span& slab) const {
  const Span* next = available[slab.size_class].head;
  if (next == nullptr || !is_carvable(slab)) return false;
  if (fullest_available(slab.size_class) != nullptr) return true;
  return free_blocks_of(*next) * size_t{slab.block_size} >= kCarveBytes;
}

void ThreadHeap::set_aside(Span& slab) {
  slab.state = SlabState::kAvailable;
  slab.outstanding = slab.carved.load(std::memory_order_relaxed);
  available[slab.size_class].push_back(slab);
}

void ThreadHeap::make_available(Span& slab) {
  full.remove(slab);
  slab.state = SlabState::kAvailable;
  set_owner(slab, slab.owner.load(std::memory_order_relaxed) & ~uintptr_t{1});
  SlabQueue& queue = available[slab.size_class];
  if (read_knob(knobs.pack_slabs) != 0) {
    queue.push_front(slab);
  } else {
    queue.push_back(slab);
  }
}

void ThreadHeap::push_and_settle(Span& slab, Block* block) {
  block->next = slab.free;
  block->marker = mark_of(slab);
  keep_store_order();
  slab.free = block;
  if (slab.state == SlabState::kFull) make_available(slab);
  HAKMEM_ASSERT(slab.outstanding > 0);
  if (--slab.outstanding == 0) slab_emptied(slab);
}

void ThreadHeap::slab_emptied(Span& slab) {
  if (slab.state == SlabState::kCurrent) {
    slab.outstanding = kFreesBetweenLooks;
    page_heap.note_busy_thread();
    return;
  }
  SlabQueue& queue = available[slab.size_class];
  queue.remove(slab);
  const bool owned = thread.load(std::memory_order_relaxed) != 0;
  if (owned && queue.empty() && slab.slices == 1 && read_knob(knobs.pack_slabs) == 0) {
    reset_empty_slab(slab);
    queue.push_back(slab);
    return;
  }
  release(slab);
}

void ThreadHeap::release(Span& slab) {
  HAKMEM_ASSERT(slab.heap == this);
  HAKMEM_ASSERT(slabs[slab.size_class].count >= slab.slices);
  // First: from here on nobody reads more of it.
  slab.kind.store(SpanKind::kFree, std::memory_order_relaxed);
  keep_store_order();
  for (uint32_t distance = 1; distance < slab.slices; ++distance) {
    (&slab)[distance].kind.store(SpanKind::kFree, std::memory_order_relaxed);
  }
  if (slab.slices == 1) --small_slabs.count;
  slabs[slab.size_class] = slabs[slab.size_class] - Slices{slab.slices};
  count(counters.slabs_released);
  // What an arena kept would wait for it.
  if (thread.load(std::memory_order_relaxed) != 0 && !is_arena()) {
    cache.keep_slab(slab);
  } else {
    page_heap.free(&slab);
  }
}

void ThreadHeap::collect_inbox() {
  if (inbox.empty()) return;
  for (Block *block = inbox.take_single_blocks(), *next; block != nullptr; block = next) {
    Span& slab = checked_slab_of_arrived(block, *this);
    next = block->next;
    push_and_settle(slab, block);
  }
  const bool may_have_been_reset = is_arena();
  RemoteBatch* batch = inbox.take_batches();
  while (batch != nullptr) {
    count(counters.remote_batches);
    for (uint32_t index = 0; index < batch->count; ++index) {
      constexpr uint32_t kAhead = 6;
      if (index + kAhead < batch->count) __builtin_prefetch(batch->blocks[index + kAhead], 1);
      Block* block = batch->blocks[index];
      push_and_settle(
          may_have_been_reset ? checked_slab_of_arrived(block, *this) : slab_of_arrived(block),
          block);
    }
    RemoteBatch* next = batch->next;
    return_batch(batch);
    batch = next;
  }
}

void ThreadHeap::forget_all_blocks() {
  // What other threads freed counts no longer, but its batches do.
  collect_inbox();
  for_each_slab([this](Span& slab) {
    if (slab.state == SlabState::kCurrent && slab.slices == 1) {
      reset_empty_slab(slab);
      slab.outstanding = kFreesBetweenLooks;
    } else {
      drop(slab);
    }
  });
}

void ThreadHeap::release_all_slabs() {
  collect_inbox();
  for_each_slab([this](Span& slab) { drop(slab); });
}

// Takes a slab out of wherever it is and gives it back, live blocks or not.
void ThreadHeap::drop(Span& slab) {
  switch (slab.state) {
    case SlabState::kCurrent:
      set_current(slab.size_class, &kNoSlab);
      break;
    case SlabState::kAvailable:
      available[slab.size_class].remove(slab);
      break;
    case SlabState::kFull:
      full.remove(slab);
      break;
  }
  release(slab);
}

template <class Visit>
void ThreadHeap::for_each_slab(Visit visit) {
  for (Span* slab : current) {
    if (slab != &kNoSlab) visit(*slab);
  }
  for (SlabQueue& queue : available) {
    for (Span *slab = queue.head, *next; slab != nullptr; slab = next) {
      next = slab->next;
      visit(*slab);
    }
  }
  for (Span *slab = full.head, *next; slab != nullptr; slab = next) {
    next = slab->next;
    visit(*slab);
  }
}

// No slab stays current: its blocks have to be counted, or it would never be found empty.
void ThreadHeap::disown_slabs() {
  settle_remote_frees();
  for (SizeClass size_class = 0; size_class < kSizeClasses; ++size_class) {
    Span* slab = current[size_class];
    if (slab == &kNoSlab) continue;
    set_current(size_class, &kNoSlab);
    set_aside(*slab);
    slab->outstanding -= length_of_list(*slab);
  }
  for_each_slab([this](Span& slab) {
    if (slab.outstanding == 0) {
      available[slab.size_class].remove(slab);
      release(slab);
    } else {
      set_owner(slab, 0);
    }
  });
  thread.store(0, std::memory_order_relaxed);
}

void ThreadHeap::own_slabs(uintptr_t new_thread) {
  thread.store(new_thread, std::memory_order_relaxed);
  for_each_slab([&](Span& slab) { set_owner(slab, new_thread); });
}

void ThreadHeap::forget_slabs() {
  direct = no_slabs<kDirectEntries>();
  current = no_slabs<kSizeClasses>();
  available = {};
  full = {};
  small_slabs = {};
  slabs = {};
}

void ThreadHeap::take_in(Span& slab) {
  mend_slab(slab, page_heap.map().start_of(&slab));
  if (slab.slices == 1) ++small_slabs.count;
  slabs[slab.size_class] = slabs[slab.size_class] + Slices{slab.slices};
  if (slab.outstanding == 0) {
    release(slab);
    return;
  }
  const bool is_full = slab.free == slab.end && !is_carvable(slab);
  slab.state = is_full ? SlabState::kFull : SlabState::kAvailable;
  (is_full ? full : available[slab.size_class]).push_back(slab);
  set_owner(slab, thread.load(std::memory_order_relaxed));
}

}  // namespace hakmem
