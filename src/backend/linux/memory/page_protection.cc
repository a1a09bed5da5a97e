// Owns: mprotect(2) for pages of files.
// Called by: see page_protection.h.
// Never: errno touched.
#include "backend/linux/memory/page_protection.h"

#include <sys/auxv.h>
#include <sys/mman.h>

#include "base/bits.h"
#include "base/system_call.h"

namespace hakmem {
namespace {

size_t page_size() {
  return getauxval(AT_PAGESZ);
}

}  // namespace

uintptr_t end_of_page(uintptr_t address) {
  return round_down(address, page_size()) + page_size();
}

bool set_pages_writable(uintptr_t start, uintptr_t end, bool writable) {
  const uintptr_t first = round_down(start, page_size());
  const int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  return system_call(SYS_mprotect, first, round_up(end, page_size()) - first, protection) == 0;
}

}  // namespace hakmem
