// Owns: the reading of the memory controller's files (cgroups(7); the kernel's
//   Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst).
// Called by: see cgroup.h.
// Never: see cgroup.h.
#include "backend/linux/guest/cgroup.h"

#include "backend/linux/guest/small_file.h"

namespace hakmem {
namespace {

// v1 tells "no limit" as the largest multiple of the page size in a signed word.
constexpr size_t kLargestLimit = size_t{1} << 62;

// The value of "NAME VALUE" in a file of such lines; 0 when it is not there.
size_t value_of(Text text, const char* name) {
  while (text.length > 0) {
    Text line = take_until(text, '\n');
    size_t value;
    if (take_until(line, ' ').equals(name)) return parse_bytes(line, value) ? value : 0;
  }
  return 0;
}

}  // namespace

CgroupMemory::Level CgroupMemory::parent_of(Level level) const {
  if (level == kNoLevel || level <= directory_.top_length) return kNoLevel;
  do {
    --level;
  } while (level > directory_.top_length && directory_.path.text[level] != '/');
  return level;
}

// Into scratch_.text; returns the length, 0 when it cannot be read.
size_t CgroupMemory::read_text(Level level, const char* name) {
  scratch_.file.truncate(0);
  if (!scratch_.file.append(Text{.data = directory_.path.text, .length = level}) ||
      !scratch_.file.append("/") || !scratch_.file.append(name)) {
    return 0;
  }
  return read_start(scratch_.file.text, scratch_.text, sizeof scratch_.text);
}

// false when the file is missing or has no number of bytes; "max" is none.
bool CgroupMemory::read_bytes(Level level, const char* name, size_t& bytes) {
  Text text{.data = scratch_.text, .length = read_text(level, name)};
  return parse_bytes(take_until(text, '\n'), bytes);
}

size_t CgroupMemory::read_limit(Level level) {
  size_t limit = SIZE_MAX;
  if (version_ == CgroupVersion::kV1) {
    if (!read_bytes(level, "memory.limit_in_bytes", limit)) return SIZE_MAX;
    return limit < kLargestLimit ? limit : SIZE_MAX;
  }
  size_t high = SIZE_MAX;
  if (!read_bytes(level, "memory.max", limit)) limit = SIZE_MAX;
  if (!read_bytes(level, "memory.high", high)) high = SIZE_MAX;
  return limit < high ? limit : high;
}

// v1 counts descendants under names of their own.
size_t CgroupMemory::read_inactive_file(Level level) {
  const Text text{.data = scratch_.text, .length = read_text(level, "memory.stat")};
  return value_of(text, version_ == CgroupVersion::kV1 ? "total_inactive_file" : "inactive_file");
}

MemoryShare CgroupMemory::read_share(Level level) {
  MemoryShare share{.limit_bytes = read_limit(level), .used_bytes = 0};
  if (share.limit_bytes == SIZE_MAX) return share;
  const char* usage = version_ == CgroupVersion::kV1 ? "memory.usage_in_bytes" : "memory.current";
  if (!read_bytes(level, usage, share.used_bytes)) return {};
  if (share.used_per_10000() > 5000) {
    const size_t inactive = read_inactive_file(level);
    share.used_bytes -= inactive < share.used_bytes ? inactive : share.used_bytes;
  }
  return share;
}

// What was read last when the file cannot be read.
uint64_t CgroupMemory::read_limit_hits(Level level) {
  if (version_ == CgroupVersion::kV1) {
    size_t failures;
    return read_bytes(level, "memory.failcnt", failures) ? failures : limit_hits_;
  }
  const Text text{.data = scratch_.text, .length = read_text(level, "memory.events")};
  if (text.length == 0) return limit_hits_;
  return value_of(text, "high") + value_of(text, "max") + value_of(text, "oom");
}

// The controller may be on in an ancestor only: its limits hold for the group all the same.
bool CgroupMemory::find_level_with_memory() {
  for (own_ = directory_.path.length; own_ != kNoLevel; own_ = parent_of(own_)) {
    if (version_ == CgroupVersion::kV1) {
      if (read_text(own_, "memory.limit_in_bytes") > 0) return true;
    } else if (read_text(own_, "memory.max") > 0 || read_text(own_, "memory.current") > 0) {
      return true;
    }
  }
  return false;
}

void CgroupMemory::discover(CgroupFiles files) {
  own_ = bounding_ = in_turn_ = kNoLevel;
  limit_hits_ = 0;
  pressure_file_.truncate(0);
  version_ = CgroupVersion::kV2;
  if (!find_cgroup_directory(files, version_, scratch_, directory_) || !find_level_with_memory()) {
    version_ = CgroupVersion::kV1;
    if (!find_cgroup_directory(files, version_, scratch_, directory_) ||
        !find_level_with_memory()) {
      version_ = CgroupVersion::kNone;
      return;
    }
  }
  if (version_ == CgroupVersion::kV2 && !(pressure_file_.append(directory_.path.view()) &&
                                          pressure_file_.append("/memory.pressure"))) {
    pressure_file_.truncate(0);
  }
  limit_hits_ = read_limit_hits(own_);
  MemoryShare nearest;
  for (Level level = parent_of(own_); level != kNoLevel; level = parent_of(level)) {
    const MemoryShare share = read_share(level);
    if (!is_nearer_to_limit(share, nearest)) continue;
    nearest = share;
    bounding_ = level;
  }
}

CgroupReading CgroupMemory::read() {
  CgroupReading reading;
  if (version_ == CgroupVersion::kNone) return reading;
  reading.share = read_share(own_);
  if (reading.share.limit_bytes != SIZE_MAX) {
    const uint64_t hits = read_limit_hits(own_);
    reading.limit_was_hit = hits > limit_hits_ && reading.share.used_per_10000() > 5000;
    limit_hits_ = hits;
  }
  const MemoryShare bounding = bounding_ != kNoLevel ? read_share(bounding_) : MemoryShare{};
  reading.share = nearer_to_limit(reading.share, bounding);
  in_turn_ = parent_of(in_turn_ != kNoLevel ? in_turn_ : own_);
  if (in_turn_ != kNoLevel && in_turn_ != bounding_) {
    const MemoryShare other = read_share(in_turn_);
    if (is_nearer_to_limit(other, bounding)) bounding_ = in_turn_;
    reading.share = nearer_to_limit(reading.share, other);
  }
  return reading;
}

}  // namespace hakmem
