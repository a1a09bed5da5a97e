// Owns: the descriptor that tells when tasks wait for memory (PSI).
// Called by: pressure.cc.
// Never: a wait; a descriptor used or closed that a program has put in the place of ours.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace hakmem {

// A trigger of the kernel's pressure stall information (Documentation/accounting/psi.rst): it fires
// when some task waited for memory for 150 ms within 2 s, the shortest window that needs no
// CAP_SYS_RESOURCE; older kernels give no trigger at all without it. There is at most one event
// per window.
//
// Programs close descriptors that they did not open and reuse the numbers: whether the descriptor
// is still that file is asked before each use. A child of fork leaves its parent's trigger to the
// parent, whose events it would take, and has its own. Not safe from several threads at once.
class PressureStall {
 public:
  // What is to be watched, best first: the own cgroup's memory.pressure ("" where there is none),
  // and the machine's, which also tells of what other groups wait for. The texts must outlive this
  // object. Opens nothing yet; what was watched before is let go.
  void watch(const char* group_file, const char* machine_file);

  // Whether the trigger fired since the last call; the first call sets it up. Where the
  // kernel has none (EACCES, EPERM, EROFS, ENOENT, EINVAL, EOPNOTSUPP...), the next file is taken,
  // and after the last there is never another system call. A lack of descriptors or memory and a
  // lost descriptor: another try at the next call. Three system calls, about 1 us.
  bool fired();

  // -1 when nothing is watched at present.
  int descriptor() const { return descriptor_; }

 private:
  static constexpr int kFiles = 2;

  // Of an open file: what stays the same while a number means the same file.
  struct Identity {
    dev_t device = 0;
    ino_t inode = 0;

    friend bool operator==(const Identity&, const Identity&) = default;
  };

  static bool identity_of(long descriptor, Identity& identity);
  bool descriptor_is_ours() const;
  void let_go();
  void open_next();
  // A negated errno on failure.
  long open_trigger(const char* path);

  const char* files_[kFiles] = {};
  int current_ = kFiles;
  int descriptor_ = -1;
  long process_ = 0;
  Identity identity_;
};

}  // namespace hakmem
