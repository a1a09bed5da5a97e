// Owns: bringing memory in use from small pages to a huge one.
// Called by: the frontend, in the background.
// Never: memory that the program has not touched made resident, but for a few pages.
#pragma once

#include "backend/backend.h"

namespace hakmem {

enum class CollapseResult : uint8_t {
  kCollapsed,
  kNotWorthIt,  // too little of it is in memory
  kNotNow,      // the kernel had no huge page, this range cannot be collapsed, or none can (before
                // Linux 6.1): it answers EINVAL for each of the last two
  kNever,       // a filter refuses it
};

// `page`: one huge page of committed memory, in use or not. Its contents stay; it is advised to be
// huge from then on. What is shared with a child is copied. Takes 0.4 to 5 ms, of which other
// threads wait for the copy if they touch it.
CollapseResult collapse(const AddressRange& page);

}  // namespace hakmem
