// Owns: the limits and the usage of the memory cgroups that the process is in.
// Called by: pressure.cc.
// Never: an allocation, a descriptor left open, a failure: what cannot be read is no limit.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/linux/guest/cgroup_directory.h"
#include "backend/linux/guest/memory_share.h"

namespace hakmem {

struct CgroupReading {
  // Of the own group and its ancestors, that which is nearest to its limit. The limit is the lower
  // of memory.max and memory.high (v2) or memory.limit_in_bytes (v1). Inactive page cache, which
  // the kernel drops before it kills, does not count as used once more than half of the limit is;
  // below that it is not looked up.
  MemoryShare share;
  // The own group was refused memory or throttled since the last reading (memory.events: high, max,
  // oom; v1: memory.failcnt) while more than half of its limit was other than inactive page
  // cache. A group that reads files hits its limit all the time and lacks nothing.
  bool limit_was_hit = false;
};

// 1 to 3 us per file, memory.stat 12 (kernel 6.18). A poll reads two files where there is no limit,
// four where there is one, memory.stat besides when more than half is used, and two to four for an
// ancestor with a limit. Not safe from several threads at once; 8 KiB, meant to be a static.
class CgroupMemory {
 public:
  // Finds the group (find_cgroup_directory). The unified hierarchy counts only if the group or an
  // ancestor has memory.max or memory.current: on machines with both kinds the memory controller is
  // in either. A process that is moved to another group later is not followed; this may be called
  // again.
  void discover(CgroupFiles files);

  CgroupReading read();

  CgroupVersion version() const { return version_; }
  // The own group's memory.pressure (v2); empty when there is none. Valid until the next discover.
  const char* pressure_file() const { return pressure_file_.text; }

 private:
  // A group: the length of its path in directory_; kNoLevel stands for none.
  using Level = size_t;
  static constexpr Level kNoLevel = 0;

  bool find_level_with_memory();
  Level parent_of(Level level) const;
  size_t read_text(Level level, const char* name);
  bool read_bytes(Level level, const char* name, size_t& bytes);
  size_t read_limit(Level level);
  size_t read_inactive_file(Level level);
  MemoryShare read_share(Level level);
  uint64_t read_limit_hits(Level level);

  CgroupVersion version_ = CgroupVersion::kNone;
  CgroupDirectory directory_;
  Level own_ = kNoLevel;
  // The ancestor that was nearest to its limit, and the one that was looked at last: at every
  // reading another one has its turn.
  Level bounding_ = kNoLevel;
  Level in_turn_ = kNoLevel;
  uint64_t limit_hits_ = 0;
  PathBuffer pressure_file_;
  CgroupScratch scratch_;
};

}  // namespace hakmem
