// Owns: the tables of an ELF file, read piece by piece.
// Called by: see elf_file.h.
// Never: an error: what cannot be read is empty.
#include "cli/elf_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace hakmem::cli {
namespace {

#if defined(__x86_64__)
constexpr Elf64_Half kMachine = EM_X86_64;
#else
constexpr Elf64_Half kMachine = EM_AARCH64;
#endif

constexpr size_t kMostRead = size_t{16} << 20;

// The record at `at` of `text`; all zeros beyond its end.
template <class Record>
Record record_at(const std::string& text, size_t at) {
  Record record{};
  if (at <= text.size() && text.size() - at >= sizeof record) {
    memcpy(&record, text.data() + at, sizeof record);
  }
  return record;
}

std::string string_at(const std::string& text, size_t at) {
  return at < text.size() ? std::string(text.c_str() + at) : "";
}

}  // namespace

ElfFile::ElfFile(const std::string& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return;
  descriptor_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  header_ = record_at<Elf64_Ehdr>(read(0, sizeof header_), 0);
  is_elf_ = memcmp(header_.e_ident, ELFMAG, SELFMAG) == 0;
}

ElfFile::~ElfFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

std::string ElfFile::read(size_t offset, size_t size) const {
  std::string text(std::min(size, kMostRead), '\0');
  const ssize_t length = pread(descriptor_, text.data(), text.size(), static_cast<off_t>(offset));
  text.resize(length > 0 ? static_cast<size_t>(length) : 0);
  return text;
}

bool ElfFile::is_native() const {
  return is_elf_ && header_.e_ident[EI_CLASS] == ELFCLASS64 && header_.e_machine == kMachine;
}

Elf64_Phdr ElfFile::segment(Elf64_Word type) const {
  for (size_t index = 0; index < header_.e_phnum; ++index) {
    const auto found = record_at<Elf64_Phdr>(
        read(header_.e_phoff + index * header_.e_phentsize, sizeof(Elf64_Phdr)), 0);
    if (found.p_type == type) return found;
  }
  return {};
}

Elf64_Shdr ElfFile::section(size_t index) const {
  if (index >= header_.e_shnum) return {};
  return record_at<Elf64_Shdr>(
      read(header_.e_shoff + index * header_.e_shentsize, sizeof(Elf64_Shdr)), 0);
}

std::string ElfFile::loader() const {
  const Elf64_Phdr segment_of_path = segment(PT_INTERP);
  return string_at(read(segment_of_path.p_offset, segment_of_path.p_filesz), 0);
}

bool ElfFile::is_named() const {
  const Elf64_Phdr dynamic = segment(PT_DYNAMIC);
  const std::string table = read(dynamic.p_offset, dynamic.p_filesz);
  for (size_t at = 0; at < table.size(); at += sizeof(Elf64_Dyn)) {
    if (record_at<Elf64_Dyn>(table, at).d_tag == DT_SONAME) return true;
  }
  return false;
}

bool ElfFile::defines(const std::string& symbol) const {
  for (size_t index = 0; index < header_.e_shnum; ++index) {
    const Elf64_Shdr symbols = section(index);
    if (symbols.sh_type != SHT_DYNSYM) continue;
    const Elf64_Shdr strings = section(symbols.sh_link);
    const std::string names = read(strings.sh_offset, strings.sh_size);
    const std::string table = read(symbols.sh_offset, symbols.sh_size);
    for (size_t at = 0; at < table.size(); at += sizeof(Elf64_Sym)) {
      const auto entry = record_at<Elf64_Sym>(table, at);
      if (entry.st_shndx != SHN_UNDEF && string_at(names, entry.st_name) == symbol) return true;
    }
  }
  return false;
}

}  // namespace hakmem::cli
