// Owns: our handler of SIGSEGV.
// Called by: see guard_fault.h.
// Never: a lock of ours taken: the fault may come from anywhere.
#include "frontend/guard_fault.h"

#include <signal.h>
#include <ucontext.h>

#include "base/system_call.h"
#include "frontend/checks.h"

namespace hakmem {
namespace {

const void* site_of(const void* context) {
  const auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return reinterpret_cast<const void*>(machine.gregs[REG_RIP]);
#else
  return reinterpret_cast<const void*>(machine.pc);
#endif
}

// With the default action back in place, returning repeats the access: the process ends where the
// mistake is. A signal that somebody sent has to be sent again.
void on_fault(int signal, siginfo_t* information, void* context) {
  struct sigaction usual {};
  usual.sa_handler = SIG_DFL;
  sigaction(signal, &usual, nullptr);
  if (information->si_code > 0) {
    describe_guard_fault(information->si_addr, {"access", site_of(context)});
  } else {
    system_call(SYS_tgkill, system_call(SYS_getpid), system_call(SYS_gettid), signal);
  }
}

}  // namespace

void watch_guards() {
  struct sigaction action {};
  if (sigaction(SIGSEGV, nullptr, &action) != 0 || action.sa_handler != SIG_DFL) return;
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGSEGV, &action, nullptr);
}

}  // namespace hakmem
