// Owns: a system call filter as systemd's SystemCallFilter= makes it: unit_filter LIST… [~LIST…] --
// COMMAND [ARGUMENTS]. Files of names; those behind ~ are taken away again. Any other call kills.
// Called by: tests/programs/suite.
// Never: new privileges for COMMAND (NoNewPrivileges=).
#include <seccomp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>

namespace {

void require(bool good, const char* what) {
  if (good) return;
  std::perror(what);
  std::exit(125);
}

std::set<int> numbers_of(const char* path) {
  std::set<int> numbers;
  std::ifstream list(path);
  require(list.good(), path);
  for (std::string word; list >> word;) {
    if (word[0] == '#') {
      std::getline(list, word);
      continue;
    }
    const int number = seccomp_syscall_resolve_name(word.c_str());
    if (number >= 0) numbers.insert(number);
  }
  return numbers;
}

}  // namespace

int main(int argc, char** argv) {
  std::set<int> allowed;
  int index = 1;
  for (; index < argc && std::string(argv[index]) != "--"; ++index) {
    if (argv[index][0] == '~') {
      for (const int number : numbers_of(argv[index] + 1)) allowed.erase(number);
    } else {
      allowed.merge(numbers_of(argv[index]));
    }
  }
  if (index + 1 >= argc) {
    std::fprintf(stderr, "usage: unit_filter LIST... [~LIST...] -- COMMAND [ARGUMENTS]\n");
    return 2;
  }
  require(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
  const scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
  require(filter != nullptr, "seccomp_init");
  for (const int number : allowed) {
    require(seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0) == 0, "seccomp_rule_add");
  }
  require(seccomp_load(filter) == 0, "seccomp_load");
  seccomp_release(filter);
  execvp(argv[index + 1], argv + index + 1);
  require(false, argv[index + 1]);
}
