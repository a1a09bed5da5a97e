// Owns: the walk over the loader's link map and over DT_GNU_HASH.
// Called by: see loaded_library.h.
// Never: more than reads.
#include "frontend/loaded_library.h"

#include <string.h>

// The loader's list of objects, part of its interface with debuggers (link.h); weak, for static
// programs have none.
extern struct r_debug _r_debug __attribute__((weak));

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

}  // namespace

bool LoadedLibrary::open(const char* file_name) {
  if (&_r_debug == nullptr) return false;
  const link_map* library = _r_debug.r_map;
  while (library != nullptr && !ends_in(library->l_name, file_name)) library = library->l_next;
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

bool LoadedLibrary::read(const link_map& library) {
  base_ = library.l_addr;
  for (const ElfW(Dyn)* entry = library.l_ld; entry->d_tag != DT_NULL; ++entry) {
    // glibc has added the base to these already, other loaders have not.
    const uintptr_t value = entry->d_un.d_ptr;
    const uintptr_t address = value < base_ ? value + base_ : value;
    if (entry->d_tag == DT_SYMTAB) symbols_ = reinterpret_cast<const ElfW(Sym)*>(address);
    if (entry->d_tag == DT_STRTAB) strings_ = reinterpret_cast<const char*>(address);
    if (entry->d_tag == DT_GNU_HASH) hash_table_ = reinterpret_cast<const uint32_t*>(address);
  }
  return symbols_ != nullptr && strings_ != nullptr && hash_table_ != nullptr;
}

void* LoadedLibrary::find(const char* name) const {
  const uint32_t bucket_count = hash_table_[0];
  const uint32_t first_symbol = hash_table_[1];
  const uint32_t filter_words = hash_table_[2];
  const uint32_t* buckets =
      hash_table_ + 4 + filter_words * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
  const uint32_t* chains = buckets + bucket_count;
  const uint32_t hash = gnu_hash(name);
  uint32_t index = buckets[hash % bucket_count];
  if (index < first_symbol) return nullptr;
  while (true) {
    const uint32_t entry = chains[index - first_symbol];
    const ElfW(Sym)& symbol = symbols_[index];
    if ((entry | 1) == (hash | 1) && symbol.st_shndx != SHN_UNDEF &&
        strcmp(strings_ + symbol.st_name, name) == 0) {
      return reinterpret_cast<void*>(base_ + symbol.st_value);
    }
    if ((entry & 1) != 0) return nullptr;
    ++index;
  }
}

}  // namespace hakmem
