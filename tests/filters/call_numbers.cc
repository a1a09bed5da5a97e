// Owns: the numbers of the calls that lists name: call_numbers LIST…
// Called by: the tests under filters.
// Never: a name left out that this architecture has.
#include <seccomp.h>

#include <fstream>
#include <iostream>
#include <string>

int main(int argc, char** argv) {
  for (int index = 1; index < argc; ++index) {
    std::ifstream list(argv[index]);
    if (!list) {
      std::cerr << argv[index] << ": cannot be read\n";
      return 1;
    }
    for (std::string word; list >> word;) {
      if (word[0] == '#') {
        std::getline(list, word);
        continue;
      }
      const int number = seccomp_syscall_resolve_name(word.c_str());
      // Negative: not of this architecture, or younger than the library.
      if (number >= 0) std::cout << number << '\n';
    }
  }
}
