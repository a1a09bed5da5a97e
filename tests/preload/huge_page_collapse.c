// A large process whose memory grew on small pages and stays: the background thread brings it to
// huge pages. Contents are verified before, meanwhile, after, and in a child that was made
// meanwhile. Prints how much came to lie on huge pages.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

enum { kBlocks = 160, kBytes = 1 << 20, kStep = 512, kWorthIt = 16 << 10, kMostSeconds = 40 };

static unsigned char* blocks[kBlocks];

static void fill(void) {
  for (size_t number = 0; number < kBlocks; ++number) {
    CHECK((blocks[number] = malloc(kBytes)) != NULL);
    for (uint32_t at = 0; at < kBytes; at += kStep) {
      uint32_t word = (uint32_t)number * kBytes + at;
      memcpy(blocks[number] + at, &word, sizeof word);
    }
  }
}

static void verify(void) {
  for (size_t number = 0; number < kBlocks; ++number) {
    for (uint32_t at = 0; at < kBytes; at += kStep) {
      uint32_t word;
      memcpy(&word, blocks[number] + at, sizeof word);
      CHECK(word == (uint32_t)number * kBytes + at);
    }
  }
}

static long huge_kilobytes(void) {
  char line[256];
  long found = 0;
  FILE* rollup = fopen("/proc/self/smaps_rollup", "r");
  CHECK(rollup != NULL);
  while (fgets(line, sizeof line, rollup) != NULL) sscanf(line, "AnonHugePages: %ld", &found);
  fclose(rollup);
  return found;
}

int main(void) {
  fill();
  const long before = huge_kilobytes();
  const time_t start = time(NULL);
  long gained = 0;
  while (gained < kWorthIt && time(NULL) - start < kMostSeconds) {
    usleep(100000);
    verify();
    gained = huge_kilobytes() - before;
  }
  pid_t child = fork();
  CHECK(child >= 0);
  verify();
  if (child == 0) _exit(0);
  int status;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  for (size_t number = 0; number < kBlocks; number += 2) free(blocks[number]);
  for (size_t number = 0; number < kBlocks; number += 2)
    CHECK((blocks[number] = malloc(kBytes)) != NULL);
  for (size_t number = 1; number < kBlocks; number += 2) {
    uint32_t word;
    memcpy(&word, blocks[number], sizeof word);
    CHECK(word == (uint32_t)number * kBytes);
  }
  printf("collapsed_kilobytes %ld\n", gained);
  return 0;
}
