// Owns: who called us: what a message about misuse names.
// Called by: the exported functions, on their way to the slow halves.
// Never: anything computed: both members are constants or at hand on the stack.
#pragma once

namespace hakmem {

struct Call {
  const char* function;  // as the program knows it
  const void* site;      // the return address in the program
};

}  // namespace hakmem

// In an exported function, or one that is always inlined into one: where the program called it.
#define HAKMEM_CALL_SITE __builtin_return_address(0)
