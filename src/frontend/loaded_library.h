// Owns: symbol lookup in a library that the process has loaded, by its ELF tables.
// Called by: libc_malloc.cc, handshake.cc.
// Never: a lock of the loader taken, an allocation, a library loaded.
#pragma once

#include <elf.h>
#include <link.h>

#include <cstddef>
#include <cstdint>

namespace hakmem {

class LoadedLibrary {
 public:
  // By file name, "libc.so.6"; false when the process has not loaded it.
  bool open(const char* file_name);

  // The file name (empty: the program itself) of the library whose definition of `symbol` comes
  // first in the loader's order, and where that is; nullptr when none defines it.
  static const char* first_to_define(const char* symbol, void*& address);

  // The address of a defined function, nullptr when there is none. Of several versions of a name
  // the first in the table. Needs a DT_GNU_HASH (gABI extension; every glibc since 2.5 has one).
  void* find(const char* name) const;

 private:
  bool read(const link_map& library);

  const ElfW(Sym) * symbols_ = nullptr;
  const char* strings_ = nullptr;
  const uint32_t* hash_table_ = nullptr;
  uintptr_t base_ = 0;
};

}  // namespace hakmem
