// Run under LD_AUDIT: an audit module has a libc and a malloc of its own.
#include <stdlib.h>
#include <string.h>

#include "check.h"

int main(void) {
  for (size_t size = 1; size < 300000; size *= 2) {
    char* block = malloc(size);
    memset(block, 1, size);
    free(block);
  }
  return 0;
}
