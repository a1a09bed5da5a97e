// The page heap over an operating system that fails on command, against a model of its spans.
#include <string.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <vector>

#include "heap/pages/page_heap.h"
#include "input.h"
#include "policy/knobs.h"
#include "unit/heap/fake_backend.h"

using namespace hakmem;

namespace {

void require(bool condition) {
  if (!condition) abort();
}

MemoryDecision outlook;

constinit const PageHeap::Outlook kOutlook{
    .wanted = [](uint32_t, uint64_t) {},
    .given_up =
        [](uint32_t, uint64_t, size_t, MemoryKind, bool may_be_lazily_freed) {
          const bool splits = outlook.action == MemoryAction::kLazyFree && !may_be_lazily_freed;
          return splits ? MemoryDecision{} : outlook;
        }};

class Model {
 public:
  explicit Model(PageHeap& heap) : heap_(heap) {}

  void add(Span* span, Slices length, Slices alignment) {
    if (span == nullptr) return;
    char* start = start_of(span);
    require(span->slices == length.count);
    require(reinterpret_cast<uintptr_t>(start) % alignment.bytes() == 0);
    claim(start, length);
    if (span->zeroed) require(first_byte_of_each_slice_is(start, length, 0));
    mark(start, length);
    spans_.push_back(span);
  }

  Span* choose(size_t choice) { return spans_[choice % spans_.size()]; }

  void remove(Span* span, uint32_t site = kUnknownSite) {
    require(first_byte_of_each_slice_is(start_of(span), {span->slices}, 7));
    forget(span);
    heap_.free(span, site);
  }

  void extend(Span* span, Slices length) {
    const Slices before{span->slices};
    if (!heap_.extend(span, length)) {
      require(span->slices == before.count);
      return;
    }
    char* start = start_of(span);
    by_address_.erase(start);
    claim(start, length);
    require(first_byte_of_each_slice_is(start, before, 7));
    mark(start, length);
  }

  void shrink(Span* span, Slices length) {
    heap_.shrink(span, length);
    by_address_[start_of(span)] = start_of(span) + length.bytes();
  }

  bool empty() const { return spans_.empty(); }

 private:
  void forget(Span* span) {
    by_address_.erase(start_of(span));
    spans_.erase(std::find(spans_.begin(), spans_.end(), span));
  }

  char* start_of(Span* span) { return static_cast<char*>(heap_.map().start_of(span)); }

  void claim(char* start, Slices length) {
    const auto after = by_address_.lower_bound(start);
    require(after == by_address_.end() || after->first >= start + length.bytes());
    require(after == by_address_.begin() || std::prev(after)->second <= start);
    by_address_[start] = start + length.bytes();
  }

  static bool first_byte_of_each_slice_is(const char* start, Slices length, char value) {
    for (uint32_t slice = 0; slice < length.count; ++slice) {
      if (start[Slices{slice}.bytes()] != value) return false;
    }
    return true;
  }

  static void mark(char* start, Slices length) {
    for (uint32_t slice = 0; slice < length.count; ++slice) start[Slices{slice}.bytes()] = 7;
  }

  PageHeap& heap_;
  std::vector<Span*> spans_;
  std::map<char*, char*> by_address_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  reset_fake_backend();
  fake.limits.physical_bytes = size_t{16} << 20;
  PageHeap heap;
  heap.set_backend(kFakeBackend);
  heap.set_outlook(kOutlook);
  knobs.retained_limit.store(size_t{8} << 20);
  Input input(data, size);
  fake.commit_is_charged = (input.byte() & 1) != 0;
  bool loses = false;
  {
    Model model(heap);
    while (!input.empty()) {
      const uint8_t action = input.byte();
      const Slices length{1u + input.byte() % 100u};
      const auto choice = input.byte();
      switch (action % 10) {
        case 0:
        case 1:
        case 2: {
          const Slices alignment{action % 10 == 2 ? 1u << (choice % 8) : 1u};
          const Backing backing = (choice & 0x80) != 0 ? Backing::kHugePage : Backing::kSmallPages;
          model.add(heap.allocate(length, alignment, backing), length, alignment);
          break;
        }
        case 3:
          if (!model.empty()) {
            outlook = {static_cast<MemoryAction>(action % 3), choice * uint64_t{16} * kMillisecond};
            model.remove(model.choose(choice), action < 128 ? kUnknownSite : 1);
          }
          break;
        case 4:
          if (!model.empty()) {
            Span* span = model.choose(choice);
            model.extend(span, Slices{span->slices} + length);
          }
          break;
        case 5:
          if (!model.empty()) {
            Span* span = model.choose(choice);
            if (span->slices > length.count) model.shrink(span, length);
          }
          break;
        case 6:
          // Time passes as well, so that the sweep comes by.
          fake.coarse_time += uint64_t{choice} * 2'000'000;
          if (action >= 128) heap.purge_down_to(length);
          break;
        case 7:
          // The nth call from here on fails, until the next of these.
          fake.commits_until_failure = choice < 128 ? SIZE_MAX : length.count;
          fake.reserves_until_failure = choice % 3 != 0 ? SIZE_MAX : 1;
          fake.refuse_purge = choice % 5 == 0;
          fake.refuse_move = choice % 11 == 0;
          fake.lose_move = choice % 13 == 0;
          loses = loses || fake.lose_move;
          fake.refuse_lazy_free = choice % 17 == 0;
          fake.takes_lazily_freed = choice % 2 == 0;
          fake.first_touch_nanoseconds = choice % 7 == 0 ? 5'000'000 : 50'000;
          break;
        case 8:
        case 9:
          // Lists and totals made anew are what they were.
          heap.after_fork_in_child();
          heap.recount_for_tests();
          break;
      }
    }
    require(heap.verify() == nullptr);
    while (!model.empty()) model.remove(model.choose(0));
    // What is inaccessible since a move stays used for ever.
    require(loses || heap.statistics().used_bytes == 0);
  }
  for (uint32_t index = 0; index < heap.map().regions(); ++index) {
    Region& region = heap.map().region(index);
    kFakeBackend.release(reinterpret_cast<void*>(region.base), HugePages{region.total}.bytes());
  }
  return 0;
}
