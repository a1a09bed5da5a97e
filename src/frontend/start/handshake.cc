// Owns: the greeting.
// Called by: see handshake.h.
// Never: a call of libc's sockets: their names may be the program's own.
#include "frontend/start/handshake.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cstddef>

#include "base/environment.h"
#include "base/log.h"
#include "base/system_call.h"
#include "frontend/dispatch/loaded_library.h"
#include "frontend/version.h"
#include "settings/configuration.h"

// malloc by a name that no other library can take.
extern "C" __attribute__((visibility("hidden"))) void* hakmem_own_malloc(size_t);

namespace hakmem {
namespace {

constexpr timeval kPatience{.tv_sec = 3, .tv_usec = 0};

}  // namespace

void greet_launcher() {
  Text name = environment_variable("HAKMEM_HANDSHAKE");
  if (!name.present()) return;
  size_t process;
  if (!parse_bytes(take_until(name, '/'), process)) return;
  const bool for_any = process == 0;
  if (!for_any && process != static_cast<size_t>(system_call(SYS_getpid))) return;
  sockaddr_un address{};
  if (name.length > sizeof address.sun_path - 1) return;
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path + 1, name.data, name.length);

  Line line;
  void* first = nullptr;
  const char* definer = LoadedLibrary::first_to_define("malloc", first);
  if (first == reinterpret_cast<void*>(&hakmem_own_malloc)) {
    line.text("+hakmem " HAKMEM_VERSION_STRING ", mode ").text(mode_name(configuration().mode));
  } else {
    const Text program = program_name();
    line.text("-");
    if (definer != nullptr && *definer != '\0') {
      line.text(definer);
    } else {
      line.text(program.data, program.length);
    }
  }
  const long descriptor = system_call(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return;
  for (const int direction : {SO_SNDTIMEO, SO_RCVTIMEO}) {
    system_call(SYS_setsockopt, descriptor, SOL_SOCKET, direction, &kPatience, sizeof kPatience);
  }
  const size_t length = offsetof(sockaddr_un, sun_path) + 1 + name.length;
  if (system_call(SYS_connect, descriptor, &address, length) == 0 &&
      system_call(SYS_sendto, descriptor, line.data(), line.length(), MSG_NOSIGNAL) > 0) {
    // The listener hangs up when it has said what there is to say.
    char nothing;
    system_call(SYS_recvfrom, descriptor, &nothing, sizeof nothing);
  }
  system_call(SYS_close, descriptor);
}

}  // namespace hakmem
