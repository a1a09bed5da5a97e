// Whatever single call the kernel refuses, contents stay right and no memory is lost.
#include <gtest/gtest.h>

#include <vector>

#include "page_heap_fixture.h"

namespace hakmem {
namespace {

// A life of a page heap, the same every time: growth, reuse, moves, purges, memory of both kinds.
class Life {
 public:
  Life() {
    reset_fake_backend();
    heap_.set_backend(kFakeBackend);
  }
  ~Life() {
    PageMap& map = heap_.map();
    for (uint32_t index = 0; index < map.regions(); ++index) {
      Region& region = map.region(index);
      kFakeBackend.release(reinterpret_cast<void*>(region.base), HugePages{region.total}.bytes());
    }
  }

  void run() {
    for (int step = 0; step < 300; ++step) {
      fake.coarse_time += 40 * kMillisecond;
      const uint32_t choice = next() % 8;
      if (choice < 4) {
        allocate(Slices{next() % 50 + 1}, choice == 0 ? Backing::kHugePage : Backing::kSmallPages);
      } else if (choice < 7) {
        free_one();
      } else {
        heap_.maintain();
      }
      if (step % 40 == 39) heap_.purge_down_to({0});
    }
    while (!live_.empty()) free_one();
    heap_.purge_down_to({0});
  }

  PageHeap& heap() { return heap_; }

 private:
  struct Live {
    Span* span;
    unsigned char pattern;
  };

  uint32_t next() {
    state_ = state_ * 1664525 + 1013904223;
    return state_ >> 16;
  }

  unsigned char* start(Span* span) {
    return static_cast<unsigned char*>(heap_.map().start_of(span));
  }

  void allocate(Slices length, Backing backing) {
    Span* span = heap_.allocate(length, {1}, backing);
    if (span == nullptr) return;
    if (span->zeroed) {
      for (uint32_t at = 0; at < length.count; ++at) {
        ASSERT_EQ(start(span)[Slices{at}.bytes()], 0);
      }
    }
    if (backing == Backing::kSmallPages && length.count == 1) heap_.populate(*span);
    const auto pattern = static_cast<unsigned char>(live_.size() % 250 + 1);
    for (uint32_t at = 0; at < length.count; ++at) start(span)[Slices{at}.bytes()] = pattern;
    live_.push_back({span, pattern});
  }

  void free_one() {
    if (live_.empty()) return;
    const size_t index = next() % live_.size();
    const Live block = live_[index];
    live_[index] = live_.back();
    live_.pop_back();
    for (uint32_t at = 0; at < block.span->slices; ++at) {
      ASSERT_EQ(start(block.span)[Slices{at}.bytes()], block.pattern);
    }
    heap_.free(block.span);
  }

  PageHeap heap_;
  std::vector<Live> live_;
  uint32_t state_ = 1;
};

class RefusalsTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override { saved_limit_ = knobs.retained_limit.exchange(size_t{16} << 20); }
  void TearDown() override { knobs.retained_limit.store(saved_limit_); }

  size_t saved_limit_;
};

TEST_P(RefusalsTest, NoSingleOneLosesMemoryOrContents) {
  size_t calls = 1;
  for (size_t refused = 0; refused < calls; ++refused) {
    SCOPED_TRACE(refused);
    Life life;
    fake.commit_is_charged = GetParam();
    fake.refused_call = refused;
    life.run();
    if (HasFatalFailure()) return;
    EXPECT_EQ(life.heap().statistics().used_bytes, 0u);
    calls = fake.calls;
    // What the last purge was refused goes with the next.
    life.heap().purge_down_to({0});
    EXPECT_EQ(life.heap().statistics().retained_bytes, 0u);
  }
  EXPECT_GT(calls, 50u);
}

INSTANTIATE_TEST_SUITE_P(WithAndWithoutCharge, RefusalsTest, testing::Bool());

}  // namespace
}  // namespace hakmem
