// Owns: the listening end of the handshake with the library in the started program.
// Called by: watcher.cc and supervision.cc, which hear; run.cc, which makes it.
// Never: a descriptor, a file or a name that the program could trip over: the library connects to
// an abstract socket (unix(7)), sends one packet and waits until it is dismissed.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>

namespace hakmem::cli {

// A constructor runs within milliseconds; a loaded machine gets more.
inline constexpr std::chrono::seconds kPatience{3};

// Held open, the process waits in its library's constructor.
class Connection {
 public:
  explicit Connection(int descriptor) : descriptor_(descriptor) {}
  Connection(Connection&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Connection& operator=(Connection&&) = delete;
  ~Connection();

  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

// In place of a process: whoever inherits the environment.
inline constexpr pid_t kAnyProcess = 0;

// What the library of a process said.
struct Greeting {
  pid_t process = 0;
  bool ours = false;  // the process' malloc is the library's
  std::string text;   // the library and its mode, or the file whose malloc comes first
  Connection connection;
};

class Handshake {
 public:
  // Listens. Throws Failure.
  Handshake();
  ~Handshake();
  Handshake(const Handshake&) = delete;
  Handshake& operator=(const Handshake&) = delete;

  // Puts into the environment whose library shall connect, a process' or any (kAnyProcess), and
  // where.
  void invite(pid_t process) const;

  // Readable when a greeting waits.
  int descriptor() const { return socket_; }

  // The next greeting. The kernel names the process, for who knows the name may connect.
  std::optional<Greeting> receive() const;

 private:
  int socket_;
  std::string name_;
};

}  // namespace hakmem::cli
