// Owns: reading what an ELF file tells of itself.
// Called by: program.cc (a program's file), library.cc (the library's).
// Never: a wait, which opening a pipe may be; trust in a number that the file holds.
#pragma once

#include <elf.h>
#include <sys/types.h>

#include <cstddef>
#include <string>

namespace hakmem::cli {

class ElfFile {
 public:
  explicit ElfFile(const std::string& path);
  ~ElfFile();
  ElfFile(const ElfFile&) = delete;
  ElfFile& operator=(const ElfFile&) = delete;

  // What can be read of these bytes: nothing of what is no regular file, or not readable.
  std::string read(size_t offset, size_t size) const;

  // Of 64 bits; the rest is empty where it is not.
  bool is_elf() const { return is_elf_; }
  // For this processor.
  bool is_native() const;
  bool is_shared_object() const { return is_elf_ && header_.e_type == ET_DYN; }
  // The dynamic loader that a program asks for; empty in a static one.
  std::string loader() const;
  // Whether it has a name to be linked by, which programs have not.
  bool is_named() const;
  // Whether it exports the symbol. Needs the table of sections, which strip(1) leaves.
  bool defines(const std::string& symbol) const;

 private:
  Elf64_Phdr segment(Elf64_Word type) const;
  Elf64_Shdr section(size_t index) const;

  int descriptor_ = -1;
  bool is_elf_ = false;
  Elf64_Ehdr header_{};
};

}  // namespace hakmem::cli
