// Owns: a system call filter like that of a container: container_filter COMMAND [ARGUMENTS].
// Called by: tests/programs/run.
// Never: a call refused that Docker's default profile allows to a process without capabilities.
//
// Source: moby's profiles/seccomp/default.json. What is not in its list answers EPERM; clone3
// answers ENOSYS, so that libc falls back to clone, whose flags a filter can read.
#include <sched.h>
#include <seccomp.h>
#include <sys/personality.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace {

constexpr const char* kRefused[] = {
    // what an allocator might use
    "process_madvise", "io_uring_setup", "io_uring_enter", "io_uring_register", "perf_event_open",
    "mbind", "get_mempolicy", "set_mempolicy", "set_mempolicy_home_node", "move_pages",
    "migrate_pages", "userfaultfd", "bpf", "process_vm_readv", "process_vm_writev", "kcmp",
    "pidfd_getfd",
    // what it will not
    "unshare", "setns", "mount", "umount2", "pivot_root", "fsopen", "fsconfig", "fsmount",
    "move_mount", "open_tree", "acct", "add_key", "keyctl", "request_key", "clock_settime",
    "settimeofday", "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load",
    "lookup_dcookie", "fanotify_init", "open_by_handle_at", "quotactl", "reboot", "swapon",
    "swapoff", "syslog", "vhangup", "nfsservctl", "sethostname", "setdomainname"};

constexpr unsigned kNamespaces[] = {CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                    CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET};

void require(bool good, const char* what) {
  if (good) return;
  std::perror(what);
  std::exit(125);
}

void refuse(scmp_filter_ctx filter, const char* name, int error) {
  const int number = seccomp_syscall_resolve_name(name);
  // Not every architecture and library knows every call.
  if (number == __NR_SCMP_ERROR) return;
  require(seccomp_rule_add(filter, SCMP_ACT_ERRNO(error), number, 0) == 0, name);
}

// Refuses a call when a bit of its first argument is set.
void refuse_flag(scmp_filter_ctx filter, int call, unsigned flag) {
  const scmp_arg_cmp has_flag = SCMP_A0(SCMP_CMP_MASKED_EQ, flag, flag);
  require(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 1, has_flag) == 0, "flags");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: container_filter COMMAND [ARGUMENTS]\n");
    return 2;
  }
  const scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  require(filter != nullptr, "seccomp_init");
  for (const char* name : kRefused) refuse(filter, name, EPERM);
  refuse(filter, "clone3", ENOSYS);
  for (const unsigned flag : kNamespaces) refuse_flag(filter, SCMP_SYS(clone), flag);
  refuse_flag(filter, SCMP_SYS(personality), ADDR_NO_RANDOMIZE);
  require(seccomp_load(filter) == 0, "seccomp_load");
  seccomp_release(filter);
  execvp(argv[1], argv + 1);
  require(false, argv[1]);
}
