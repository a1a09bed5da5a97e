// Owns: our handler of SIGSEGV.
// Called by: see guard_fault.h.
// Never: a lock of ours taken: the fault may come from anywhere; a function called in the first
// constructor that somebody may have put something before.
#include "frontend/checks/guard_fault.h"

#include <signal.h>
#include <ucontext.h>

#include <cstdint>

#include "base/system_call.h"
#include "frontend/checks/checks.h"

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

// As the kernel has it. Not sigaction(2): the sanitizers have one of their own, which does nothing
// before their start.
struct KernelAction {
  void (*handler)(int, siginfo_t*, void*);
  unsigned long flags;
  void (*restorer)();
  uint64_t mask;
};

long kernel_sigaction(int signal, const KernelAction* action, KernelAction* before) {
  return system_call(SYS_rt_sigaction, signal, action, before, sizeof action->mask);
}

// Where a handler returns to; the kernel of aarch64 has its own. Debuggers know the frame by libc's
// name and instructions, where nothing else describes it.
#if defined(__x86_64__)
constexpr unsigned long kRestorerFlag = 0x04000000;
__asm__(R"(
  .pushsection .text
  .p2align 4
  nop
  .type __restore_rt, @function
__restore_rt:
  movq $15, %rax
  syscall
  .size __restore_rt, . - __restore_rt
  .popsection
)");
extern "C" [[gnu::visibility("hidden")]] void restore() __asm__("__restore_rt");
#else
constexpr unsigned long kRestorerFlag = 0;
constexpr void (*restore)() = nullptr;
#endif

// With the default action back in place, returning repeats the access: the process ends where the
// mistake is. A signal that somebody sent has to be sent again.
void on_fault(int signal, siginfo_t* information, void* context) {
  const KernelAction usual{};
  kernel_sigaction(signal, &usual, nullptr);
  if (information->si_code > 0) {
    describe_guard_fault(information->si_addr, {"access", site_of(context)});
  } else {
    system_call(SYS_tgkill, system_call(SYS_getpid), system_call(SYS_gettid), signal);
  }
}

}  // namespace

void watch_guards() {
  KernelAction action{};
  if (kernel_sigaction(SIGSEGV, nullptr, &action) != 0 || action.handler != nullptr) return;
  action = {on_fault, SA_SIGINFO | SA_ONSTACK | kRestorerFlag, restore, 0};
  kernel_sigaction(SIGSEGV, &action, nullptr);
}

}  // namespace hakmem
