// Owns: what the command says: lines on standard error, answers on standard output.
// Called by: main.cc (errors), run.cc, watcher.cc, supervision.cc (the verdict), library.cc and
// configuration.cc (answers).
// Never: an exception or a signal for a line that cannot be written; success for an answer that
// cannot; a verdict guessed: it comes from the library, or from its silence.
#pragma once

#include <sys/types.h>

#include <set>
#include <string>
#include <string_view>

#include "cli/handshake.h"

namespace hakmem::cli {

// "hakmem: MESSAGE" on standard error, in one write(2) where the kernel allows it.
void say(std::string_view message) noexcept;

// An answer on standard output. Returns the exit status; throws Failure when it cannot be written.
int print(std::string_view answer);

class Report {
 public:
  // `name`: the program as the user called it. `obstacle`: what its file tells, or empty. Quiet:
  // not a word when all is well.
  Report(std::string name, pid_t process, std::string obstacle, bool quiet);

  // From now on not a word either where all is well with a program whose name is in `names`; others
  // are put there.
  void once_for_each(std::set<std::string>& names) { names_ = &names; }

  // What the library said: reported unless it is what was reported last. True when it serves.
  bool hear(const Greeting& greeting);
  // Nothing was heard.
  void silence();

  // The process is another program now, of which nothing has been heard. Where the sentence is the
  // same again, it is not said again.
  void begin_anew(const std::string& name, std::string obstacle);

  bool made() const { return made_; }

 private:
  void make(const std::string& sentence, bool well);

  std::string name_;
  pid_t process_;
  std::string obstacle_;
  bool quiet_;
  bool made_ = false;
  std::string last_;
  std::set<std::string>* names_ = nullptr;
};

}  // namespace hakmem::cli
