// Owns: a program started as a child: its process, what it executes, the signals that are passed on
// to it, its end. Called by: strict.cc. Never: a signal mask, a disposition or a descriptor of ours
// left in the program; a program that outlives this process.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <string>
#include <vector>

#include "cli/handshake.h"

namespace hakmem::cli {

class Child {
 public:
  // Starts the command, invited to the handshake. Throws Failure with status 126 or 127 when it
  // cannot be executed.
  Child(const std::vector<std::string>& command, const Handshake& handshake);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t process() const { return process_; }
  // How many programs the process has executed so far, one at least; always one where it may not be
  // traced.
  unsigned programs() const { return programs_ > 1 ? programs_ : 1; }
  void send(int signal) const { kill(process_, signal); }

  // Passes signals on until `descriptor` is readable, the time is over, or the program has ended;
  // true when it has. Stops with the program.
  bool wait(int descriptor, std::chrono::steady_clock::duration time);

  // After the end: returns the exit status, or ends this process by the signal that ended the
  // program.
  int pass_on_exit() const;

 private:
  void trace();
  bool take_signals();
  bool has_ended();
  void go_on_from(int stop);

  pid_t process_ = -1;
  int signals_ = -1;
  int status_ = 0;
  bool traced_ = false;
  unsigned programs_ = 0;
  sigset_t mask_before_;
};

}  // namespace hakmem::cli
