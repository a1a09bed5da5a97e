// Owns: the walk over the loader's link map and over DT_GNU_HASH.
// Called by: see loaded_library.h.
// Never: more than reads.
#include "frontend/dispatch/loaded_library.h"

#include <string.h>

#include <algorithm>

// The loader's list of objects, part of its interface with debuggers (link.h); weak, for static
// programs have none.
extern struct r_debug _r_debug __attribute__((weak));
// Our own dynamic section; a static program has none.
extern ElfW(Dyn) _DYNAMIC[] __attribute__((weak, visibility("hidden")));

namespace hakmem {
namespace {

bool ends_in(const char* path, const char* file_name) {
  const char* slash = strrchr(path, '/');
  return strcmp(slash != nullptr ? slash + 1 : path, file_name) == 0;
}

uint32_t gnu_hash(const char* name) {
  uint32_t hash = 5381;
  for (; *name != '\0'; ++name) hash = hash * 33 + static_cast<unsigned char>(*name);
  return hash;
}

const link_map* own_link_map() {
  if (&_r_debug == nullptr) return nullptr;
  const link_map* library = _r_debug.r_map;
  while (library != nullptr && library->l_ld != _DYNAMIC) library = library->l_next;
  return library;
}

}  // namespace

bool LoadedLibrary::open(const char* file_name) {
  if (&_r_debug == nullptr) return false;
  const link_map* library = _r_debug.r_map;
  while (library != nullptr && !ends_in(library->l_name, file_name)) library = library->l_next;
  return library != nullptr && read(*library);
}

bool LoadedLibrary::open_own() {
  const link_map* library = own_link_map();
  return library != nullptr && read(*library);
}

const char* LoadedLibrary::first_to_define(const char* symbol, void*& address) {
  if (&_r_debug == nullptr) return nullptr;
  for (const link_map* map = _r_debug.r_map; map != nullptr; map = map->l_next) {
    LoadedLibrary library;
    address = library.read(*map) ? library.find(symbol) : nullptr;
    if (address != nullptr) return map->l_name;
  }
  return nullptr;
}

void* LoadedLibrary::next_to_define(const char* symbol) {
  const link_map* own = own_link_map();
  if (own == nullptr) return nullptr;
  for (const link_map* map = own->l_next; map != nullptr; map = map->l_next) {
    LoadedLibrary library;
    void* address = library.read(*map) ? library.find(symbol) : nullptr;
    if (address != nullptr) return address;
  }
  return nullptr;
}

bool LoadedLibrary::read(const link_map& library) {
  base_ = library.l_addr;
  uintptr_t tables[3] = {};
  size_t bytes[3] = {};
  for (const ElfW(Dyn)* entry = library.l_ld; entry->d_tag != DT_NULL; ++entry) {
    // glibc has added the base to these already, other loaders have not.
    const uintptr_t value = entry->d_un.d_ptr;
    const uintptr_t address = value < base_ ? value + base_ : value;
    switch (entry->d_tag) {
      case DT_SYMTAB:
        symbols_ = reinterpret_cast<const ElfW(Sym)*>(address);
        break;
      case DT_GNU_HASH:
        hash_table_ = reinterpret_cast<const uint32_t*>(address);
        break;
      case DT_STRTAB:
        strings_ = reinterpret_cast<const char*>(address);
        tables[0] = address;
        break;
      case DT_RELA:
        tables[1] = address;
        break;
      case DT_JMPREL:
        tables[2] = address;
        break;
      case DT_STRSZ:
        bytes[0] = entry->d_un.d_val;
        break;
      case DT_RELASZ:
        bytes[1] = entry->d_un.d_val;
        break;
      case DT_PLTRELSZ:
        bytes[2] = entry->d_un.d_val;
        break;
      default:
        break;
    }
  }
  for (const int table : {0, 1, 2}) {
    end_of_tables_ = std::max(end_of_tables_, tables[table] + bytes[table]);
  }
  return symbols_ != nullptr && strings_ != nullptr && hash_table_ != nullptr;
}

const uint32_t* LoadedLibrary::chains() const {
  const uint32_t bucket_count = hash_table_[0];
  const uint32_t filter_words = hash_table_[2];
  return hash_table_ + 4 + filter_words * (sizeof(ElfW(Addr)) / sizeof(uint32_t)) + bucket_count;
}

uint32_t LoadedLibrary::first_in_bucket(const char* name) const {
  const uint32_t bucket_count = hash_table_[0];
  const uint32_t first_symbol = hash_table_[1];
  const uint32_t index = (chains() - bucket_count)[gnu_hash(name) % bucket_count];
  return index < first_symbol ? 0 : index;
}

// The lowest bit of a hash ends its bucket.
uint32_t LoadedLibrary::next_in_bucket(uint32_t index) const {
  const uint32_t first_symbol = hash_table_[1];
  return (chains()[index - first_symbol] & 1) != 0 ? 0 : index + 1;
}

bool LoadedLibrary::defines(uint32_t index, const char* name) const {
  const ElfW(Sym)& symbol = symbols_[index];
  return symbol.st_shndx != SHN_UNDEF && strcmp(strings_ + symbol.st_name, name) == 0;
}

void* LoadedLibrary::find(const char* name) const {
  void* found = nullptr;
  for_each_definition(name, [&](const ElfW(Sym) & symbol) {
    if (found == nullptr) found = reinterpret_cast<void*>(base_ + symbol.st_value);
  });
  return found;
}

}  // namespace hakmem
