// A program with defaults of its own.
#include <stdlib.h>

const char* hakmem_conf = "mode=fast,bigcache=off,large_threshold=4M,nonsense=1";

int main(void) {
  free(malloc(100));
  return 0;
}
