// Owns: the listening end of the handshake with the library in the started program.
// Called by: run.cc.
// Never: a descriptor, a file or a name that the program could trip over: the library sends one
// datagram to an abstract socket (unix(7)) and closes it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace hakmem::cli {

// What the library of a process said.
struct Greeting {
  bool ours;         // the process' malloc is the library's
  std::string text;  // the library and its mode, or the file whose malloc comes first
};

class Handshake {
 public:
  // Listens, and puts the socket's name into the environment. Throws Failure.
  Handshake();
  ~Handshake();
  Handshake(const Handshake&) = delete;
  Handshake& operator=(const Handshake&) = delete;

  // Readable when a greeting waits.
  int descriptor() const { return socket_; }

  // The next greeting of `process`; those of its children are passed over.
  std::optional<Greeting> receive(pid_t process);

 private:
  int socket_;
};

}  // namespace hakmem::cli
