// Owns: telling live blocks of the checks from misuse.
// Called by: checks.cc, under its lock.
// Never: a block changed; a message.
#pragma once

#include "frontend/api/call.h"
#include "frontend/checks/checked_block.h"
#include "frontend/checks/misuse_report.h"
#include "heap/threads/thread_heap.h"

namespace hakmem {

struct Finding {
  CheckedBlock* block;  // nullptr: not of the checks, or none is there
  const char* wrong;    // nullptr: a live block, whole, and the pointer is its start
  bool legible;         // the record is whole
  Suspect suspect;      // if it is
};

// What `address` is to `heap`, the one behind the checks, which may be null.
Finding examine(const ThreadHeap* heap, const void* address);

// The first live block of `heap` whose canaries are not whole; a Finding without `wrong` if there
// is none. Walks all descriptors.
Finding find_damage(const ThreadHeap* heap);

// Not under the lock. Ends the process if something is wrong.
inline void report_if_wrong(const Finding& finding, const Call& call, const void* address) {
  if (finding.wrong == nullptr) return;
  report_misuse(call, finding.wrong, address, finding.legible ? &finding.suspect : nullptr);
}

}  // namespace hakmem
