// Owns: messages to people: one line to a descriptor by write(2), and the fatal one.
// Called by: every layer, on its way to a diagnostic.
// Never: an allocation, stdio, a changed errno.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hakmem {

// One line, built in place and sent by a single write. Longer text is cut at the buffer's end.
class Line {
 public:
  Line& text(const char* string);
  Line& text(const char* string, size_t length);
  Line& padded(const char* string, size_t width);
  Line& decimal(uint64_t value);
  Line& hexadecimal(uint64_t value);
  // Appends a newline and writes the line to `descriptor`.
  void send(int descriptor = 2);

  const char* data() const { return buffer_; }
  size_t length() const { return length_; }

 private:
  static constexpr size_t kCapacity = 400;
  char buffer_[kCapacity + 1];
  size_t length_ = 0;
};

// Prints "hakmem: FUNCTION(): WHAT 0xVALUE" and aborts.
[[noreturn]] void fatal(const char* function, const char* what, uintptr_t value);

}  // namespace hakmem
