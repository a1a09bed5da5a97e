// Owns: the messages about misuse that the checks find.
// Called by: checks.cc, guard_fault.cc.
// Never: while one of our locks is held: dladdr takes the loader's, and handlers of the abort may
// allocate.
#pragma once

#include "frontend/api/call.h"
#include "frontend/checks/checked_block.h"

namespace hakmem {

// What the messages know of a block: a copy, since another thread may change the original.
struct Suspect {
  size_t size;
  const void* allocated_at;
  const void* freed_at;  // nullptr: not freed
};

inline Suspect suspect_of(const CheckedBlock& block) {
  return {block.size, block.allocated_at, block.freed_at};
}

// "hakmem: FUNCTION(): WHAT, block of SIZE bytes: 0xADDRESS", then where the program called the
// function and where it allocated and freed the block: one line each. Without a suspect (nullptr)
// what is known.
void describe_misuse(const Call& call, const char* what, const void* address,
                     const Suspect* suspect);
[[noreturn]] void report_misuse(const Call& call, const char* what, const void* address,
                                const Suspect* suspect);

}  // namespace hakmem
