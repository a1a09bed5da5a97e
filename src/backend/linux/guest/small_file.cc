// Owns: open, read, close.
// Called by: see small_file.h.
// Never: see small_file.h.
#include "backend/linux/guest/small_file.h"

#include <fcntl.h>
#include <string.h>

#include "base/system_call.h"

namespace hakmem {
namespace {

long open_for_reading(const char* path) {
  return system_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
}

}  // namespace

size_t read_start(const char* path, char* buffer, size_t capacity) {
  const long descriptor = open_for_reading(path);
  if (descriptor < 0) return 0;
  const long length = system_call(SYS_read, descriptor, buffer, capacity);
  system_call(SYS_close, descriptor);
  return length > 0 ? static_cast<size_t>(length) : 0;
}

LineReader::LineReader(const char* path, char* buffer, size_t capacity)
    : buffer_(buffer), capacity_(capacity), descriptor_(open_for_reading(path)) {}

LineReader::~LineReader() {
  if (descriptor_ >= 0) system_call(SYS_close, descriptor_);
}

// Appends to what is in the buffer; false at the end of the file.
bool LineReader::refill() {
  if (descriptor_ < 0) return false;
  memmove(buffer_, buffer_ + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  const long length = system_call(SYS_read, descriptor_, buffer_ + end_, capacity_ - end_);
  if (length <= 0) return false;
  end_ += static_cast<size_t>(length);
  return true;
}

bool LineReader::next(Text& line) {
  for (;;) {
    const size_t held = end_ - begin_;
    const char* start = buffer_ + begin_;
    const auto* newline = static_cast<const char*>(memchr(start, '\n', held));
    const bool rest_of_long_line = in_long_line_;
    size_t taken = held;
    if (newline != nullptr) {
      line = {.data = start, .length = static_cast<size_t>(newline - start)};
      taken = line.length + 1;
      in_long_line_ = false;
    } else if (held == capacity_) {
      line = {.data = start, .length = held};
      in_long_line_ = true;
    } else if (refill()) {
      continue;
    } else if (held > 0) {
      line = {.data = buffer_ + begin_, .length = held};
      in_long_line_ = false;
    } else {
      return false;
    }
    begin_ += taken;
    if (!rest_of_long_line) return true;
  }
}

}  // namespace hakmem
