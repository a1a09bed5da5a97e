// Owns: the functions by which a program tells the kernel what concerns its allocator: limits of
// address space, locked memory, filters.
// Called by: the program; libraries such as libseccomp.
// Never: a call withheld, or changed: each is made as libc makes it. A program whose own
// instructions make the system call is noticed later: at the next slow path, or by the thread of
// ours.
#include <errno.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "backend/linux/memory/process_facts.h"
#include "base/system_call.h"
#include "control/background.h"
#include "frontend/api/export.h"
#include "frontend/dispatch/next_function.h"
#include "heap/pages/page_heap.h"

using namespace hakmem;

namespace {

template <class... Arguments>
int call(long number, Arguments... arguments) {
  const long result = system_call(number, arguments...);
  if (result >= 0) return static_cast<int>(result);
  errno = static_cast<int>(-result);
  return -1;
}

// Who installs a filter announces it first (seccomp(2)), and then it may be too late: a thread of
// ours might be killed for looking.
bool precedes_filter(long option) {
  return option == PR_SET_NO_NEW_PRIVS || option == PR_SET_SECCOMP;
}

void note_locking() {
  process_facts.memory_was_locked.store(true, std::memory_order_relaxed);
}

// What is reserved counts as the program's. A limit of another process may be of this one.
template <class Limit>
int set_limit(pid_t process, int resource, const Limit* limit, Limit* before) {
  const int result = call(SYS_prlimit64, process, resource, limit, before);
  if (result != 0 || resource != RLIMIT_AS || limit == nullptr) return result;
  if (process != 0) {
    page_heap.meet_address_space_limit();
  } else if (limit->rlim_cur != RLIM_INFINITY) {
    page_heap.give_back_reservation();
  }
  return result;
}

constinit NextFunction next_syscall("syscall");

}  // namespace

// Where the exported syscall goes on (syscall.cc, in assembly).
extern "C" HAKMEM_HIDDEN void* hakmem_before_syscall(long number, long first) {
  const bool installs = number == SYS_seccomp &&
                        (first == SECCOMP_SET_MODE_STRICT || first == SECCOMP_SET_MODE_FILTER);
  if (installs || (number == SYS_prctl && precedes_filter(first))) confine();
  return next_syscall.address();
}

HAKMEM_EXPORT int setrlimit(int resource, const rlimit* limit) {
  return set_limit<rlimit>(0, resource, limit, nullptr);
}

HAKMEM_EXPORT int setrlimit64(int resource, const rlimit64* limit) {
  return set_limit<rlimit64>(0, resource, limit, nullptr);
}

HAKMEM_EXPORT int prlimit(pid_t process, __rlimit_resource resource, const rlimit* limit,
                          rlimit* before) {
  return set_limit(process, resource, limit, before);
}

HAKMEM_EXPORT int prlimit64(pid_t process, __rlimit_resource resource, const rlimit64* limit,
                            rlimit64* before) {
  return set_limit(process, resource, limit, before);
}

// Memory that is locked does not move, and what is reserved would be locked as well.
HAKMEM_EXPORT int mlock(const void* start, size_t bytes) {
  note_locking();
  return call(SYS_mlock, start, bytes);
}

HAKMEM_EXPORT int mlock2(const void* start, size_t bytes, unsigned flags) {
  note_locking();
  return call(SYS_mlock2, start, bytes, flags);
}

HAKMEM_EXPORT int mlockall(int flags) {
  note_locking();
  page_heap.give_back_reservation();
  return call(SYS_mlockall, flags);
}

HAKMEM_EXPORT int prctl(int option, ...) {
  va_list list;
  va_start(list, option);
  const auto second = va_arg(list, unsigned long);
  const auto third = va_arg(list, unsigned long);
  const auto fourth = va_arg(list, unsigned long);
  const auto fifth = va_arg(list, unsigned long);
  va_end(list);
  if (precedes_filter(option)) confine();
  return call(SYS_prctl, option, second, third, fourth, fifth);
}
