// Owns: the formatting behind Line, and fatal.
// Called by: log.h's users.
// Never: an allocation; the heap may be in any state here.
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/system_call.h"

namespace hakmem {

Line& Line::text(const char* string, size_t length) {
  const size_t room = kCapacity - length_;
  const size_t taken = length < room ? length : room;
  memcpy(buffer_ + length_, string, taken);
  length_ += taken;
  return *this;
}

Line& Line::text(const char* string) {
  return text(string, strlen(string));
}

Line& Line::padded(const char* string, size_t width) {
  text(string);
  for (size_t column = strlen(string); column < width; ++column) text(" ", 1);
  return *this;
}

Line& Line::decimal(uint64_t value) {
  char digits[20];
  size_t at = sizeof digits;
  do {
    digits[--at] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  return text(digits + at, sizeof digits - at);
}

Line& Line::hexadecimal(uint64_t value) {
  char digits[18];
  size_t at = sizeof digits;
  do {
    digits[--at] = "0123456789abcdef"[value % 16];
    value /= 16;
  } while (value != 0);
  digits[--at] = 'x';
  digits[--at] = '0';
  return text(digits + at, sizeof digits - at);
}

void Line::send(int descriptor) {
  buffer_[length_] = '\n';
  const char* rest = buffer_;
  size_t left = length_ + 1;
  while (left > 0) {
    const long written = system_call(SYS_write, descriptor, rest, left);
    if (written == -EINTR) continue;
    if (written <= 0) break;
    rest += written;
    left -= static_cast<size_t>(written);
  }
  length_ = 0;
}

void fatal(const char* function, const char* what, uintptr_t value) {
  Line line;
  line.text("hakmem: ").text(function).text("(): ").text(what).text(" ").hexadecimal(value).send();
  abort();
}

}  // namespace hakmem
