// Owns: the started program: its process, the signals that are passed on to it, its end.
// Called by: run.cc.
// Never: a signal mask or a descriptor of ours left in the program.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <string>
#include <vector>

namespace hakmem::cli {

class Child {
 public:
  // Starts the command. Throws Failure with status 126 or 127 when it cannot be executed.
  explicit Child(const std::vector<std::string>& command);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t process() const { return process_; }
  void send(int signal) const { kill(process_, signal); }

  // Passes signals on until `descriptor` is readable, the time is over, or the program has ended;
  // true when it has.
  bool wait(int descriptor, std::chrono::steady_clock::duration time);

  // After the end: returns the exit status, or ends this process by the signal that ended the
  // program.
  int pass_on_exit() const;

 private:
  bool take_signals();

  pid_t process_ = -1;
  int signals_ = -1;
  int status_ = 0;
  sigset_t mask_before_;
};

}  // namespace hakmem::cli
