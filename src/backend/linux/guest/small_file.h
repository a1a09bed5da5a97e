// Owns: reading small text files of /proc, /sys and of cgroups.
// Called by: process_limits.cc, cgroup_directory.cc, cgroup.cc, thp_settings.cc.
// Never: a descriptor left open, a changed errno, an allocation.
#pragma once

#include <cstddef>

#include "base/environment.h"

namespace hakmem {

// Reads the start of a file; returns the length, 0 when it cannot be read.
size_t read_start(const char* path, char* buffer, size_t capacity);

// The lines of a file of any length, through a buffer of the caller's. Of a line that does not fit,
// the start is given. A file that cannot be read has no lines.
class LineReader {
 public:
  LineReader(const char* path, char* buffer, size_t capacity);
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  // Without the newline; valid until the next call.
  bool next(Text& line);

 private:
  bool refill();

  char* const buffer_;
  const size_t capacity_;
  size_t begin_ = 0;
  size_t end_ = 0;
  long descriptor_;
  bool in_long_line_ = false;
};

}  // namespace hakmem
