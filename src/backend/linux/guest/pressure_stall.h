// Owns: the descriptor that tells when tasks wait for memory (PSI).
// Called by: pressure.cc, on our own thread.
// Never: a wait; a descriptor in the program's table.
#pragma once

namespace hakmem {

// A trigger of the kernel's pressure stall information (Documentation/accounting/psi.rst): it fires
// when some task waited for memory for 150 ms within 2 s, the shortest window that needs no
// CAP_SYS_RESOURCE; older kernels give no trigger at all without it. There is at most one event
// per window. Used by one thread, in a table of descriptors that nobody else has.
class PressureStall {
 public:
  // What is to be watched, best first: the own cgroup's memory.pressure ("" where there is none),
  // and the machine's, which also tells of what other groups wait for. The texts must outlive this
  // object. Opens nothing yet; what was watched before is let go.
  void watch(const char* group_file, const char* machine_file);

  // Whether the trigger fired since the last call; the first call sets it up. Where the
  // kernel has none (EACCES, EPERM, EROFS, ENOENT, EINVAL, EOPNOTSUPP...), the next file is taken,
  // and after the last there is never another system call. A lack of descriptors or memory: another
  // try at the next call. One system call.
  bool fired();

  // The table that the descriptor was in is gone, with the thread or in a child of a fork: the next
  // call opens another trigger.
  void forget() { descriptor_ = -1; }

  // -1 when nothing is watched at present.
  int descriptor() const { return descriptor_; }

 private:
  static constexpr int kFiles = 2;

  void let_go();
  void open_next();
  // A negated errno on failure.
  static long open_trigger(const char* path);

  const char* files_[kFiles] = {};
  int current_ = kFiles;
  int descriptor_ = -1;
};

}  // namespace hakmem
