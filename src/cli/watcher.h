// Owns: the process that hears from the library and reports, while this one becomes the program.
// Called by: run.cc.
// Never: a child that the program could wait for, a signal of its terminal, a descriptor of its own
// kept open but standard error.
#pragma once

#include "cli/handshake.h"
#include "cli/report.h"

namespace hakmem::cli {

class Watcher {
 public:
  // Starts it; it ends with this process, whatever that executes. Throws Failure.
  Watcher(const Handshake& handshake, Report& report);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  // There will be no program to report on.
  void dismiss() const;

 private:
  int launcher_ = -1;  // the writing end of a pipe that exec closes
};

}  // namespace hakmem::cli
