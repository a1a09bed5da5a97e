// Owns: a program started as a child: its process, what it and its descendants execute, the signals
// that are passed on to it, its end.
// Called by: supervision.cc.
// Never: a signal mask, a disposition or a descriptor of ours left in the program; a program that
// outlives this process.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <set>
#include <string>
#include <vector>

#include "cli/handshake.h"

namespace hakmem::cli {

// Whose programs the kernel shall tell of: the child's alone, or those of all that descend from it.
enum class Tracing { itself, descendants };

class Child {
 public:
  struct Event {
    pid_t process;
    enum { kExecuted, kEnded } what;
  };

  // Starts the command, invited to the handshake. Throws Failure with status 126 or 127 when it
  // cannot be executed.
  Child(const std::vector<std::string>& command, const Handshake& handshake, Tracing tracing);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t process() const { return process_; }
  // Where it may not be traced, nothing is heard of what is executed after the command.
  bool is_traced() const { return traced_; }
  void send(int signal) const { kill(process_, signal); }
  // To the descendants that are followed as well.
  void send_to_all(int signal) const;

  // Passes signals on until `descriptor` is readable, the time is over, or something happened: a
  // program was executed (the command itself does not count), a process has ended. Stops with the
  // child.
  std::vector<Event> wait(int descriptor, std::chrono::steady_clock::duration time);

  // After the child's end: returns its exit status, or ends this process by the signal that ended
  // it.
  int pass_on_exit() const;

 private:
  void trace(Tracing tracing);
  void take_signals(std::vector<Event>& events);
  void take_changes(std::vector<Event>& events);
  void go_on_from(pid_t process, int stop, std::vector<Event>& events);

  pid_t process_ = -1;
  int signals_ = -1;
  int status_ = 0;
  bool traced_ = false;
  bool has_begun_ = false;
  std::set<pid_t> descendants_;
  sigset_t mask_before_;
};

}  // namespace hakmem::cli
