// Owns: symbol lookup in a library that the process has loaded, by its ELF tables.
// Called by: libc_malloc.cc, libc_names.cc, deepbind.cc, handshake.cc.
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
  // The library that this code is part of, or the program; false in a namespace of its own
  // (dlmopen, LD_AUDIT), whose list the loader does not show.
  bool open_own();

  // The file name (empty: the program itself) of the library whose definition of `symbol` comes
  // first in the loader's order, and where that is; nullptr when none defines it.
  static const char* first_to_define(const char* symbol, void*& address);

  // The definition of `symbol` that follows this library in the loader's order, as RTLD_NEXT has
  // it; nullptr when there is none.
  static void* next_to_define(const char* symbol);

  // The address of a defined function, nullptr when there is none. Of several versions of a name
  // the first in the table. Needs a DT_GNU_HASH (gABI extension; every glibc since 2.5 has one).
  void* find(const char* name) const;

  // Calls visit(entry) for each definition of `name`: one for each of its versions.
  template <class Visit>
  void for_each_definition(const char* name, Visit visit) const {
    uint32_t index = first_in_bucket(name);
    while (index != 0) {
      if (defines(index, name)) visit(symbols_[index]);
      index = next_in_bucket(index);
    }
  }

  uintptr_t base() const { return base_; }
  // Where the last of the tables ends that linkers place before the code: names, relocations.
  uintptr_t end_of_tables() const { return end_of_tables_; }

 private:
  bool read(const link_map& library);
  // Indices into the symbols; 0 is none's.
  uint32_t first_in_bucket(const char* name) const;
  uint32_t next_in_bucket(uint32_t index) const;
  bool defines(uint32_t index, const char* name) const;
  const uint32_t* chains() const;

  const ElfW(Sym) * symbols_ = nullptr;
  const char* strings_ = nullptr;
  const uint32_t* hash_table_ = nullptr;
  uintptr_t base_ = 0;
  uintptr_t end_of_tables_ = 0;
};

}  // namespace hakmem
