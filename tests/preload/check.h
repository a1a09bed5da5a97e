// CHECK for programs that must not allocate to report, and how they say that they cannot be tried.
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECK(condition)                                                      \
  do {                                                                        \
    if (!(condition)) {                                                       \
      fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
      abort();                                                                \
    }                                                                         \
  } while (0)

// The exit status of a test that is skipped. The reason is for who reads the tests' summary.
static inline int skipped(const char* reason) {
  static const char kWord[] = "skipped: ";
  ssize_t written = write(2, kWord, sizeof kWord - 1);
  written += write(2, reason, strlen(reason));
  written += write(2, "\n", 1);
  return written < 0 ? 1 : 77;
}
