#define _GNU_SOURCE
#include <link.h>
#include <stdlib.h>

unsigned int la_version(unsigned int version) {
  free(malloc(100));
  return version;
}
