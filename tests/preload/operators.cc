// Every replaceable operator new and delete, and what a failing one does.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <new>

#include "check.h"

namespace {

struct alignas(256) Wide {
  char bytes[512];
};

int handler_calls = 0;

void give_up_after_three() {
  if (++handler_calls == 3) std::set_new_handler(nullptr);
}

void throw_something() {
  throw 42;
}

constexpr size_t kImpossible = size_t{1} << 46;

template <class Action>
bool throws_bad_alloc(Action action) {
  try {
    action();
  } catch (const std::bad_alloc&) {
    return true;
  }
  return false;
}

}  // namespace

int main() {
  using std::align_val_t;
  using std::nothrow;
  for (size_t size : {size_t{0}, size_t{1}, size_t{100}, size_t{2000}, size_t{100'000}}) {
    ::operator delete(::operator new(size));
    ::operator delete(::operator new(size), size);
    ::operator delete(::operator new(size, nothrow), nothrow);
    ::operator delete[](::operator new[](size));
    ::operator delete[](::operator new[](size), size);
    ::operator delete[](::operator new[](size, nothrow), nothrow);
    for (size_t alignment = 32; alignment <= 4096; alignment *= 2) {
      const align_val_t aligned{alignment};
      void* blocks[] = {::operator new(size, aligned),   ::operator new(size, aligned, nothrow),
                        ::operator new[](size, aligned), ::operator new[](size, aligned, nothrow),
                        ::operator new(size, aligned),   ::operator new[](size, aligned)};
      for (void* block : blocks) {
        CHECK(block != nullptr && reinterpret_cast<uintptr_t>(block) % alignment == 0);
        std::memset(block, 1, size);
      }
      ::operator delete(blocks[0], aligned);
      ::operator delete(blocks[1], aligned, nothrow);
      ::operator delete[](blocks[2], aligned);
      ::operator delete[](blocks[3], aligned, nothrow);
      ::operator delete(blocks[4], size, aligned);
      ::operator delete[](blocks[5], size, aligned);
    }
  }
  delete new Wide;
  delete[] new Wide[3];

  volatile size_t impossible = kImpossible;
  CHECK(throws_bad_alloc([&] { ::operator delete(::operator new(impossible)); }));
  CHECK(throws_bad_alloc([&] { ::operator delete[](::operator new[](impossible)); }));
  CHECK(throws_bad_alloc([&] { ::operator delete(::operator new (impossible, align_val_t{64})); }));
  CHECK(::operator new(impossible, nothrow) == nullptr);
  CHECK(::operator new[](impossible, nothrow) == nullptr);
  CHECK(::operator new (impossible, align_val_t{64}, nothrow) == nullptr);

  std::set_new_handler(give_up_after_three);
  CHECK(throws_bad_alloc([&] { ::operator delete(::operator new(impossible)); }));
  CHECK(handler_calls == 3);
  std::set_new_handler(throw_something);
  bool thrown = false;
  try {
    ::operator delete(::operator new(impossible));
  } catch (int value) {
    thrown = value == 42;
  }
  CHECK(thrown);
  return 0;
}
