// Owns: the search in the vDSO's symbol table.
// Called by: see kernel_clock.h.
// Never: an address of an image that is not what elf(5) says.
#include "backend/linux/memory/kernel_clock.h"

#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>

#include <algorithm>
#include <atomic>

#include "base/system_call.h"

namespace hakmem {
namespace {

using ReadClock = int (*)(clockid_t clock, timespec* now);

#if defined(__x86_64__)
constexpr char kName[] = "__vdso_clock_gettime";
#else
constexpr char kName[] = "__kernel_clock_gettime";
#endif

int by_system_call(clockid_t clock, timespec* now) {
  return static_cast<int>(system_call(SYS_clock_gettime, clock, now));
}

class Image {
 public:
  explicit Image(uintptr_t start) {
    const auto* header = reinterpret_cast<const ElfW(Ehdr)*>(start);
    const auto* segments = reinterpret_cast<const ElfW(Phdr)*>(start + header->e_phoff);
    for (int index = 0; index < header->e_phnum; ++index) {
      if (segments[index].p_type == PT_LOAD && load_ == 0) {
        load_ = start + segments[index].p_offset - segments[index].p_vaddr;
      }
    }
    for (int index = 0; index < header->e_phnum; ++index) {
      if (segments[index].p_type == PT_DYNAMIC) {
        read_dynamic(at<ElfW(Dyn)>(segments[index].p_vaddr));
      }
    }
  }

  uintptr_t find_function(const char* name) const {
    if (symbols_ == nullptr || strings_ == nullptr) return 0;
    for (uint32_t index = 0; index < count_; ++index) {
      const ElfW(Sym)& symbol = symbols_[index];
      const bool is_function = ELF64_ST_TYPE(symbol.st_info) == STT_FUNC;
      if (is_function && symbol.st_shndx != SHN_UNDEF &&
          strcmp(strings_ + symbol.st_name, name) == 0) {
        return load_ + symbol.st_value;
      }
    }
    return 0;
  }

 private:
  template <class Type>
  const Type* at(uintptr_t address) const {
    return reinterpret_cast<const Type*>(load_ + address);
  }

  void read_dynamic(const ElfW(Dyn) * entry) {
    for (; entry->d_tag != DT_NULL; ++entry) {
      if (entry->d_tag == DT_SYMTAB) symbols_ = at<ElfW(Sym)>(entry->d_un.d_ptr);
      if (entry->d_tag == DT_STRTAB) strings_ = at<char>(entry->d_un.d_ptr);
      if (entry->d_tag == DT_HASH) count_ = at<uint32_t>(entry->d_un.d_ptr)[1];
      if (entry->d_tag == DT_GNU_HASH) {
        count_ = std::max(count_, symbols_in_gnu_hash(at<uint32_t>(entry->d_un.d_ptr)));
      }
    }
  }

  // Only the chains tell: the last one ends with the last symbol.
  static uint32_t symbols_in_gnu_hash(const uint32_t* table) {
    const uint32_t buckets = table[0];
    const uint32_t first = table[1];
    const uint32_t* bucket = table + 4 + table[2] * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
    const uint32_t* chain = bucket + buckets;
    uint32_t last = 0;
    for (uint32_t index = 0; index < buckets; ++index) last = std::max(last, bucket[index]);
    if (last < first) return first;
    while ((chain[last - first] & 1) == 0) ++last;
    return last + 1;
  }

  uintptr_t load_ = 0;
  const ElfW(Sym) * symbols_ = nullptr;
  const char* strings_ = nullptr;
  uint32_t count_ = 0;
};

ReadClock find() {
  const uintptr_t start = getauxval(AT_SYSINFO_EHDR);
  const uintptr_t found = start != 0 ? Image(start).find_function(kName) : 0;
  return found != 0 ? reinterpret_cast<ReadClock>(found) : by_system_call;
}

constinit std::atomic<ReadClock> reader{nullptr};

}  // namespace

uint64_t read_clock(clockid_t clock) {
  ReadClock read = reader.load(std::memory_order_relaxed);
  if (read == nullptr) {
    read = find();
    reader.store(read, std::memory_order_relaxed);
  }
  timespec now{};
  read(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace hakmem
