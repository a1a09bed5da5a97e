// Libraries opened with RTLD_DEEPBIND find libc's names before those of what is preloaded:
// deepbind CASE.
//   crossing    blocks of the program's are freed and resized in the library, and the other way
//               round
//   kept, lost  whether the flag still means what it says for other names
//   untouched   libc's names lead to libc
//   names NAME… libc's names lead where the program's do
//   caller      libc sees who called dlopen, by whose RUNPATH it looks
//   next        what is preloaded behind us, with a dlopen of its own, has its turn
//   threads     all at once, and in children of a fork meanwhile
//   refused     libc's table cannot be written: the library works, without the flag
//   namespaces  dlmopen: into the program's namespace as dlopen, a new one has a libc of its own
//   privileged  in a setuid program nothing is touched
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { kSkip = 77, kNobody = 65534 };

static void* library;
static void* (*exchange)(void*);
static void (*take)(void*);
static void* (*give)(size_t);
static void* (*more)(void*, size_t);
static char* (*copy)(const char*);
static const char* (*whose_is_called)(void);
static void* (*open_for_library)(const char*);

const char* whose(void) {
  return "program";
}

static void find_functions(void* handle) {
  CHECK(handle != NULL);
  library = handle;
  exchange = (void* (*)(void*))dlsym(handle, "exchange");
  take = (void (*)(void*))dlsym(handle, "take");
  give = (void* (*)(size_t))dlsym(handle, "give");
  more = (void* (*)(void*, size_t))dlsym(handle, "more");
  copy = (char* (*)(const char*))dlsym(handle, "copy");
  whose_is_called = (const char* (*)(void))dlsym(handle, "whose_is_called");
  open_for_library = (void* (*)(const char*))dlsym(handle, "open_for_library");
}

static void* names_of_libc(const char* name) {
  void* libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
  void* found = dlsym(libc, name);
  dlclose(libc);
  return found;
}

static void cross(void) {
  static const size_t sizes[] = {40, 5000, 300000, 5000000, 40000000};
  for (size_t index = 0; index < sizeof sizes / sizeof *sizes; ++index) {
    const size_t size = sizes[index];
    for (int round = size > 1 << 20 ? 18 : 0; round < 20; ++round) {
      char* block = malloc(size);
      memset(block, 1, size);
      take(block);
      block = give(size);
      memset(block, 2, size);
      free(block);
      block = malloc(size);
      memset(block, 3, size);
      block = more(block, 2 * size);
      CHECK(block[0] == 3 && block[size - 1] == 3);
      block = realloc(block, size / 2);
      CHECK(block[size / 2 - 1] == 3);
      take(block);
    }
  }
  free(copy("a text"));
  free(exchange(malloc(4000)));
}

static int crossing(void) {
  const int flags[] = {RTLD_NOW, RTLD_LAZY, RTLD_NOW | RTLD_GLOBAL};
  for (int index = 0; index < 3; ++index) {
    find_functions(dlopen(LIBRARY, flags[index] | RTLD_DEEPBIND));
    cross();
    CHECK(dlclose(library) == 0);
  }
  return 0;
}

static int kept(void) {
  find_functions(dlopen(LIBRARY, RTLD_NOW | RTLD_DEEPBIND));
  CHECK(strcmp(whose_is_called(), "library") == 0);
  return 0;
}

static int lost(void) {
  find_functions(dlopen(LIBRARY, RTLD_NOW | RTLD_DEEPBIND));
  CHECK(strcmp(whose_is_called(), "program") == 0);
  cross();
  return 0;
}

static int untouched(void) {
  void* before = names_of_libc("malloc");
  CHECK(before != dlsym(RTLD_DEFAULT, "malloc"));
  kept();
  CHECK(before == names_of_libc("malloc"));
  return 0;
}

static int names(char** exported) {
  CHECK(dlsym(RTLD_DEFAULT, "hakmem_version") != NULL);
  find_functions(dlopen(LIBRARY, RTLD_NOW | RTLD_DEEPBIND));
  int shared = 0;
  for (; *exported != NULL; ++exported) {
    void* libcs = names_of_libc(*exported);
    if (libcs == NULL) continue;
    if (libcs != dlsym(RTLD_DEFAULT, *exported)) fprintf(stderr, "%s\n", *exported);
    CHECK(libcs == dlsym(RTLD_DEFAULT, *exported));
    ++shared;
  }
  CHECK(shared > 20);
  // The dump of what a program maps: no page of libc's stays writable that was not.
  FILE* maps = fopen("/proc/self/maps", "r");
  char line[4096];
  while (fgets(line, sizeof line, maps) != NULL) {
    char rights[5];
    unsigned long offset;
    if (strstr(line, "/libc.so.6") == NULL) continue;
    CHECK(sscanf(line, "%*x-%*x %4s %lx", rights, &offset) == 2);
    CHECK(offset > 1 << 20 || rights[1] == '-');
  }
  fclose(maps);
  return 0;
}

static int caller(void) {
  find_functions(dlopen(LIBRARY, RTLD_NOW));
  CHECK(dlopen("libdeepbind_neighbour.so", RTLD_NOW) == NULL);
  CHECK(dlerror() != NULL);
  CHECK(open_for_library("libdeepbind_neighbour.so") != NULL);
  return 0;
}

static int next(void) {
  int* openings = dlsym(RTLD_DEFAULT, "openings");
  CHECK(openings != NULL && *openings == 0);
  find_functions(dlopen(LIBRARY, RTLD_NOW | RTLD_DEEPBIND));
  CHECK(*openings == 1);
  cross();
  return 0;
}

static pthread_barrier_t together;

static void* open_together(void* unused) {
  pthread_barrier_wait(&together);
  void* handle = dlopen(LIBRARY, RTLD_NOW | RTLD_DEEPBIND);
  CHECK(handle != NULL);
  ((void (*)(void*))dlsym(handle, "take"))(malloc(100));
  return unused;
}

static void wait_for(pid_t child) {
  int status;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static int threads(void) {
  enum { kThreads = 4, kRounds = 40 };
  for (int round = 0; round < kRounds; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      pthread_t thread[kThreads];
      pthread_barrier_init(&together, NULL, kThreads + 1);
      for (int k = 0; k < kThreads; ++k) pthread_create(&thread[k], NULL, open_together, NULL);
      pthread_barrier_wait(&together);
      const pid_t grandchild = fork();
      if (grandchild == 0) {
        // No opening here: libc's loader stands in the middle of one.
        free(malloc(100));
        _exit(0);
      }
      for (int k = 0; k < kThreads; ++k) pthread_join(thread[k], NULL);
      wait_for(grandchild);
      _exit(0);
    }
    wait_for(child);
  }
  return 0;
}

// Refuses mprotect for the first MiB of libc, where its tables are.
static int refuse_writing_libc(void) {
  struct link_map* map;
  void* libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
  CHECK(dlinfo(libc, RTLD_DI_LINKMAP, &map) == 0);
  const uint32_t low = (uint32_t)map->l_addr;
  const uint32_t high = (uint32_t)(map->l_addr >> 32);
  if (low > UINT32_MAX - (1 << 20)) return 0;
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 6),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0]) + 4),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, high, 0, 4),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, low, 0, 2),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, low + (1 << 20), 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static int refused(void) {
  if (!refuse_writing_libc()) return kSkip;
  return lost();
}

static int namespaces(void) {
  void* handle = dlmopen(LM_ID_NEWLM, LIBRARY, RTLD_NOW | RTLD_DEEPBIND);
  find_functions(handle);
  CHECK(strcmp(whose_is_called(), "library") == 0);
  // Its malloc is its own libc's, and its blocks go back there.
  char* block = give(5000);
  memset(block, 1, 5000);
  take(more(block, 300000));
  take(copy("a text"));
  CHECK(dlclose(handle) == 0);
  find_functions(dlmopen(LM_ID_BASE, LIBRARY, RTLD_NOW | RTLD_DEEPBIND));
  cross();
  return 0;
}

// Root runs a copy of this program that belongs to somebody else: more rights than its user's, or
// others.
static int privileged(void) {
  CHECK(dlsym(RTLD_DEFAULT, "hakmem_version") != NULL);
  if (getauxval(AT_SECURE) != 0) return untouched();
  if (geteuid() != 0) return kSkip;
  char path[] = "/tmp/hakmem-privileged-XXXXXX";
  const int to = mkstemp(path);
  const int from = open("/proc/self/exe", O_RDONLY);
  struct stat file;
  CHECK(to >= 0 && from >= 0 && fstat(from, &file) == 0);
  CHECK(sendfile(to, from, NULL, (size_t)file.st_size) == file.st_size);
  CHECK(fchown(to, kNobody, kNobody) == 0 && fchmod(to, 04755) == 0);
  close(to);
  const pid_t child = fork();
  if (child == 0) {
    char* again[] = {path, "privileged", NULL};
    execv(path, again);
    _exit(kSkip);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child);
  unlink(path);
  CHECK(WIFEXITED(status));
  return WEXITSTATUS(status);
}

int main(int count, char** arguments) {
  static const struct {
    const char* name;
    int (*run)(void);
  } cases[] = {{"crossing", crossing},    {"kept", kept},       {"lost", lost},
               {"untouched", untouched},  {"caller", caller},   {"next", next},
               {"threads", threads},      {"refused", refused}, {"namespaces", namespaces},
               {"privileged", privileged}};
  CHECK(count > 1);
  if (strcmp(arguments[1], "names") == 0) return names(arguments + 2);
  for (size_t index = 0; index < sizeof cases / sizeof *cases; ++index) {
    if (strcmp(arguments[1], cases[index].name) == 0) return cases[index].run();
  }
  CHECK(!"a case of this name");
  return 1;
}
