// Owns: the socket and the reading of greetings.
// Called by: see handshake.h.
// Never: a sender's own word for who it is: the kernel names the process.
#include "cli/handshake.h"

#include <fmt/format.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "cli/exit_status.h"

namespace hakmem::cli {
namespace {

constexpr int kMostWaiting = 16;

}  // namespace

Connection::~Connection() {
  if (descriptor_ >= 0) close(descriptor_);
}

Handshake::Handshake()
    : socket_(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
  unsigned long secret[2] = {};
  static_cast<void>(getrandom(secret, sizeof secret, 0));
  name_ = fmt::format("hakmem-{:x}{:x}", secret[0], secret[1]);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path + 1, name_.data(), name_.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name_.size());
  if (socket_ < 0 || bind(socket_, reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
      listen(socket_, kMostWaiting) != 0) {
    const int error = errno;
    if (socket_ >= 0) close(socket_);
    throw Failure{kLauncherFailed,
                  fmt::format("no socket to hear from the program: {}", strerror(error))};
  }
}

Handshake::~Handshake() {
  close(socket_);
}

void Handshake::invite(pid_t process) const {
  setenv("HAKMEM_HANDSHAKE", fmt::format("{}/{}", process, name_).c_str(), 1);
}

std::optional<Greeting> Handshake::receive() const {
  while (true) {
    Connection connection(accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC));
    if (connection.descriptor() < 0) return std::nullopt;
    ucred sender{};
    socklen_t size = sizeof sender;
    getsockopt(connection.descriptor(), SOL_SOCKET, SO_PEERCRED, &sender, &size);
    // The packet follows the connection at once; a process that is stopped in between is let go.
    const timeval patience{1, 0};
    setsockopt(connection.descriptor(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    char text[512];
    const ssize_t length = recv(connection.descriptor(), text, sizeof text, 0);
    if (length < 1) continue;
    return Greeting{sender.pid, text[0] == '+',
                    std::string(text + 1, static_cast<size_t>(length - 1)), std::move(connection)};
  }
}

}  // namespace hakmem::cli
