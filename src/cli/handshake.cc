// Owns: the socket and the reading of greetings.
// Called by: see handshake.h.
// Never: a sender's own word for who it is: the kernel names the process.
#include "cli/handshake.h"

#include <fmt/format.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "cli/exit_status.h"

namespace hakmem::cli {

Handshake::Handshake() : socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
  unsigned long secret = 0;
  static_cast<void>(getrandom(&secret, sizeof secret, 0));
  const std::string name = fmt::format("hakmem-{}-{:x}", getpid(), secret);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path + 1, name.data(), name.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  const int on = 1;
  if (socket_ < 0 || bind(socket_, reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
      setsockopt(socket_, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0) {
    throw Failure{kLauncherFailed,
                  fmt::format("no socket to hear from the program: {}", strerror(errno))};
  }
  setenv("HAKMEM_HANDSHAKE", name.c_str(), 1);
}

Handshake::~Handshake() {
  close(socket_);
}

std::optional<Greeting> Handshake::receive(pid_t process) {
  while (true) {
    char text[512];
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))];
    iovec part{text, sizeof text};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t length = recvmsg(socket_, &message, 0);
    if (length < 1) return std::nullopt;
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    ucred sender{};
    if (header != nullptr && header->cmsg_type == SCM_CREDENTIALS) {
      memcpy(&sender, CMSG_DATA(header), sizeof sender);
    }
    if (sender.pid != process) continue;
    return Greeting{text[0] == '+', std::string(text + 1, static_cast<size_t>(length - 1))};
  }
}

}  // namespace hakmem::cli
