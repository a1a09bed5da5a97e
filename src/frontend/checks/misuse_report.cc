// Owns: the wording and the names of call sites.
// Called by: see misuse_report.h.
// Never: an allocation: glibc's dladdr makes none.
#include "frontend/checks/misuse_report.h"

#include <dlfcn.h>
#include <stdlib.h>

#include "base/log.h"

namespace hakmem {
namespace {

uint64_t distance(const void* to, const void* from) {
  return reinterpret_cast<uintptr_t>(to) - reinterpret_cast<uintptr_t>(from);
}

// "  allocated at 0x401a2c main+0x1c (/usr/bin/program+0x1a2c)": what addr2line(1) takes.
void print_site(const char* what, const void* site) {
  if (site == nullptr) return;
  Line line;
  line.text("hakmem:   ").text(what).text(" at ").hexadecimal(distance(site, nullptr));
  Dl_info information;
  if (dladdr(site, &information) != 0) {
    if (information.dli_sname != nullptr) {
      line.text(" ").text(information.dli_sname).text("+");
      line.hexadecimal(distance(site, information.dli_saddr));
    }
    line.text(" (").text(information.dli_fname).text("+");
    line.hexadecimal(distance(site, information.dli_fbase)).text(")");
  }
  line.send();
}

}  // namespace

void describe_misuse(const Call& call, const char* what, const void* address,
                     const Suspect* suspect) {
  Line line;
  line.text("hakmem: ").text(call.function).text("(): ").text(what);
  if (suspect != nullptr) line.text(", block of ").decimal(suspect->size).text(" bytes");
  line.text(": ").hexadecimal(distance(address, nullptr)).send();
  print_site("found", call.site);
  if (suspect == nullptr) return;
  print_site("allocated", suspect->allocated_at);
  print_site("freed", suspect->freed_at);
}

void report_misuse(const Call& call, const char* what, const void* address,
                   const Suspect* suspect) {
  describe_misuse(call, what, address, suspect);
  abort();
}

}  // namespace hakmem
