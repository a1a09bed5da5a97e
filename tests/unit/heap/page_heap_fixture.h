// A page heap of the test's own, over the backend that fails on purpose.
#pragma once

#include <gtest/gtest.h>

#include "fake_backend.h"
#include "heap/pages/page_heap.h"
#include "policy/knobs.h"

namespace hakmem {

class PageHeapTest : public ::testing::Test {
 protected:
  void SetUp() override {
    reset_fake_backend();
    heap_.set_backend(kFakeBackend);
    saved_limit_ = knobs.retained_limit.load();
  }
  void TearDown() override {
    knobs.retained_limit.store(saved_limit_);
    PageMap& map = heap_.map();
    for (uint32_t index = 0; index < map.regions(); ++index) {
      Region& region = map.region(index);
      kFakeBackend.release(reinterpret_cast<void*>(region.base), HugePages{region.total}.bytes());
    }
  }

  char* start(Span* span) { return static_cast<char*>(heap_.map().start_of(span)); }

  PageHeap heap_;
  size_t saved_limit_;
};

}  // namespace hakmem
