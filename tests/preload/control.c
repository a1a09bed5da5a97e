// The functions of hakmem.h, found at run time.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "hakmem/hakmem.h"

#define FIND(name) __typeof__(&name) find_##name = (__typeof__(&name))dlsym(RTLD_DEFAULT, #name)

int main(void) {
  FIND(hakmem_version);
  FIND(hakmem_version_string);
  FIND(hakmem_mode);
  FIND(hakmem_feature);
  FIND(hakmem_print_configuration);
  FIND(hakmem_print_statistics);
  FIND(hakmem_print_statistics_json);
  FIND(hakmem_purge);
  FIND(hakmem_get_statistics);
  CHECK(find_hakmem_version() == HAKMEM_VERSION);
  CHECK(strcmp(find_hakmem_version_string(), "0.1.0") == 0);
  CHECK(strcmp(find_hakmem_mode(), "balanced") == 0);

  char value[8];
  CHECK(find_hakmem_feature("pool", value, sizeof value) == 1 && strcmp(value, "on") == 0);
  CHECK(find_hakmem_feature("mmap", value, sizeof value) == 0 && strcmp(value, "off") == 0);
  CHECK(find_hakmem_feature("pool", value, 2) == 1 && strcmp(value, "o") == 0);
  CHECK(find_hakmem_feature("pool", NULL, 0) == 1);
  CHECK(find_hakmem_feature("no such feature", value, sizeof value) == -1);

  hakmem_statistics before = {.size = sizeof before};
  hakmem_statistics during = {.size = sizeof during};
  CHECK(find_hakmem_get_statistics(&before) == 0);
  CHECK(before.version == 3);
  char* block = malloc(30 << 20);
  memset(block, 1, 30 << 20);
  CHECK(find_hakmem_get_statistics(&during) == 0);
  CHECK(during.allocated - before.allocated == 30 << 20);
  CHECK(during.resident >= before.resident + (29 << 20));
  free(block);
  CHECK(find_hakmem_get_statistics(&during) == 0);
  CHECK(during.retained >= 30 << 20);
  CHECK(find_hakmem_purge() >= 30 << 20);
  CHECK(find_hakmem_get_statistics(&during) == 0);
  CHECK(during.purge_nanoseconds > before.purge_nanoseconds && during.memory_price == 1500000);
  CHECK(during.small_fault_cost > 0 && during.huge_fault_cost > 0);
  CHECK(during.limit >= during.headroom);
  CHECK(during.page_faults >= before.page_faults + (30 << 20) / sysconf(_SC_PAGESIZE) / 2);
  CHECK(during.retained == 0 && during.resident < before.resident + (8 << 20));

  // A caller with an older, shorter structure; and a wrong one.
  void* live = malloc(100);
  hakmem_statistics older = {.size = offsetof(hakmem_statistics, active), .active = 77};
  CHECK(find_hakmem_get_statistics(&older) == 0);
  CHECK(older.allocated > 0 && older.active == 77);
  free(live);
  errno = 0;
  older.size = 3;
  CHECK(find_hakmem_get_statistics(&older) == -1 && errno == EINVAL);
  CHECK(find_hakmem_get_statistics(NULL) == -1);

  const int sink = open("/dev/null", O_WRONLY);
  find_hakmem_print_configuration(sink);
  find_hakmem_print_statistics(sink);

  int ends[2];
  CHECK(pipe(ends) == 0);
  find_hakmem_print_statistics_json(ends[1]);
  char text[8192];
  ssize_t length = read(ends[0], text, sizeof text - 1);
  CHECK(length > 0);
  text[length] = '\0';
  CHECK(strstr(text, "{\"schema\": 1, \"version\": \"0.1.0\", \"mode\": \"balanced\"") == text);
  CHECK(strstr(text, "\"purged_bytes\": ") != NULL && strcmp(text + length - 3, "}}\n") == 0);
  return 0;
}
