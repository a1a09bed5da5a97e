// Owns: the scan of environ and the parsing of small values.
// Called by: see environment.h.
// Never: locale, stdio, an allocation.
#include "base/environment.h"

#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/system_call.h"
#include "base/units.h"

namespace hakmem {
namespace {

constinit char** provided = nullptr;

char** environment() {
  return environ != nullptr ? environ : provided;
}

char lower(char letter) {
  return letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter;
}

bool matches(Text a, Text b) {
  if (a.length != b.length) return false;
  for (size_t at = 0; at < a.length; ++at) {
    if (lower(a.data[at]) != lower(b.data[at])) return false;
  }
  return true;
}

// Takes the digits off the front.
bool take_number(Text& text, size_t& value) {
  value = 0;
  size_t at = 0;
  for (; at < text.length && text.data[at] >= '0' && text.data[at] <= '9'; ++at) {
    if (__builtin_mul_overflow(value, size_t{10}, &value) ||
        __builtin_add_overflow(value, static_cast<size_t>(text.data[at] - '0'), &value)) {
      return false;
    }
  }
  text = {.data = text.data + at, .length = text.length - at};
  return at != 0;
}

Text last_component(const char* path) {
  const char* slash = strrchr(path, '/');
  const char* name = slash != nullptr ? slash + 1 : path;
  return {.data = name, .length = strlen(name)};
}

}  // namespace

bool Text::is(Text other) const {
  return length == other.length && memcmp(data, other.data, length) == 0;
}

bool Text::equals(const char* other) const {
  return matches(*this, {.data = other, .length = strlen(other)});
}

bool environment_is_readable() {
  return environment() != nullptr;
}

void provide_environment(char** environment) {
  provided = environment;
}

char** environment_variables() {
  constinit static char* none[] = {nullptr};
  return environment_is_readable() && getauxval(AT_SECURE) == 0 ? environment() : none;
}

Text environment_variable(const char* name) {
  const size_t length = strlen(name);
  for (char** entry = environment_variables(); *entry != nullptr; ++entry) {
    if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=') {
      const char* value = *entry + length + 1;
      return {.data = value, .length = strlen(value)};
    }
  }
  return {};
}

Text take_until(Text& rest, char separator) {
  const auto* end = static_cast<const char*>(memchr(rest.data, separator, rest.length));
  const size_t length = end != nullptr ? static_cast<size_t>(end - rest.data) : rest.length;
  const Text taken{.data = rest.data, .length = length};
  const size_t skipped = end != nullptr ? length + 1 : length;
  rest = {.data = rest.data + skipped, .length = rest.length - skipped};
  return taken;
}

int index_in(const char* accepted, Text value) {
  Text rest{.data = accepted, .length = strlen(accepted)};
  for (int index = 0; rest.length > 0; ++index) {
    if (matches(take_until(rest, '|'), value)) return index;
  }
  return -1;
}

Text entry_of(const char* accepted, int index) {
  Text rest{.data = accepted, .length = strlen(accepted)};
  Text entry = take_until(rest, '|');
  for (; index > 0; --index) entry = take_until(rest, '|');
  return entry;
}

bool parse_bytes(Text text, size_t& bytes) {
  size_t value;
  if (!take_number(text, value)) return false;
  uint32_t shift = 0;
  if (text.length > 0) {
    int unit = index_in("K|M|G|T", text);
    if (unit < 0) unit = index_in("KiB|MiB|GiB|TiB", text);
    if (unit < 0) return false;
    shift = static_cast<uint32_t>(unit + 1) * 10;
  }
  if (value > (SIZE_MAX >> shift)) return false;
  bytes = value << shift;
  return true;
}

bool parse_share(Text text, size_t whole, size_t& part) {
  size_t percent;
  if (!take_number(text, percent) || !text.equals("%") || percent < 1 || percent > 100)
    return false;
  part = whole / 100 * percent;
  return true;
}

Text program_name() {
  const auto* path = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
  return path != nullptr ? last_component(path) : Text{.data = "", .length = 0};
}

Text executable_name() {
  alignas(kApart) constinit static char path[4096];
  const long length =
      system_call(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", path, sizeof path - 1);
  path[length > 0 ? length : 0] = '\0';
  return last_component(path);
}

}  // namespace hakmem
