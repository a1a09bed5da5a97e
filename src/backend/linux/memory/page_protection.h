// Owns: the rights to pages of files that the loader has mapped.
// Called by: libc_names.cc.
// Never: pages of the heap, pages with code.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hakmem {

// Whole pages around [start, end); false where the kernel or a filter refuses.
bool set_pages_writable(uintptr_t start, uintptr_t end, bool writable);
// The end of the page that `address` lies in.
uintptr_t end_of_page(uintptr_t address);

}  // namespace hakmem
