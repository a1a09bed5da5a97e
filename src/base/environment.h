// Owns: reading the environment and text values without libc's help.
// Called by: the configuration.
// Never: an allocation; anything from a privileged program's environment.
#pragma once

#include <cstddef>

namespace hakmem {

// A piece of text that somebody else owns.
struct Text {
  const char* data = nullptr;
  size_t length = 0;

  bool present() const { return data != nullptr; }
  bool is(Text other) const;
  // Letters match in either case.
  bool equals(const char* other) const;
};

// The value of a variable; not present when it is unset, or when the program runs with more rights
// than its user (AT_SECURE).
Text environment_variable(const char* name);
bool environment_is_readable();
// "name=value" of each variable, nullptr behind the last; no variables where they are not readable
// or the program is a privileged one.
char** environment_variables();
// What a constructor was given, for as long as libc has not set environ yet.
void provide_environment(char** environment);

// The index of `value` in a list such as "off|auto|on", -1 when it is not there. Letters match in
// either case.
int index_in(const char* accepted, Text value);
// The entry of such a list.
Text entry_of(const char* accepted, int index);

// Bytes, with an optional K, M, G or T or KiB, MiB, GiB or TiB (powers of 1024); false when it is
// no such number.
bool parse_bytes(Text text, size_t& bytes);
// A share such as "80%" of `whole`, from 1 % to 100 %; false when it is no share.
bool parse_share(Text text, size_t whole, size_t& part);

// Takes the part up to the next `separator` off the front of `rest`.
Text take_until(Text& rest, char separator);

// The last component of the path that the program was started by: for a script, the script's.
Text program_name();
// The last component of the path of the file that runs, for a script its interpreter's; empty
// without /proc. Static storage.
Text executable_name();

}  // namespace hakmem
