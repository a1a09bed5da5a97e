# The preload stands in for glibc's malloc, down to its internal names and its loader.
include(CheckCSourceCompiles)
check_c_source_compiles("#include <features.h>
#ifndef __GLIBC__
#error not glibc
#endif
int main(void) { return 0; }" HAKMEM_ON_GLIBC)
if(NOT HAKMEM_ON_GLIBC)
  message(FATAL_ERROR "hakmem needs the GNU C library 2.28 or later; musl and others are not supported.")
endif()
