// Owns: a program that frees much memory and then sleeps: what stays resident.
// Called by: bench/idle.
// Never: a call of the allocator between the last free and the end of the sleep.
#include <dlfcn.h>
#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "contestant.h"
#include "process_memory.h"
#include "workload.h"

namespace {

// Blocks of 64 KiB to 1 MiB, every page written. Returns what was resident with all in use.
uint64_t fill_and_free(size_t bytes) {
  Random random(1);
  std::vector<void*> blocks;
  for (size_t used = 0; used < bytes;) {
    const size_t size = log_uniform(random, 64 * kKiB, 4);
    blocks.push_back(std::malloc(size));
    write_every_page(blocks.back(), size);
    used += size;
  }
  const uint64_t resident = resident_kib();
  for (void* block : blocks) std::free(block);
  return resident;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Fills memory, frees it, sleeps, and prints what is resident as JSON.");
  size_t mebibytes = 1024;
  double seconds = 3;
  bool threaded = false;
  app.add_option("--mebibytes", mebibytes, "of memory")->check(CLI::Range(1, 1 << 20));
  app.add_option("--seconds", seconds, "asleep")->check(CLI::PositiveNumber);
  app.add_flag("--threaded", threaded, "a second thread exists, and sleeps, from the beginning");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  // Some allocators begin their background work in programs of several threads only.
  if (threaded) std::thread([] { pause(); }).detach();
  const uint64_t full_kib = fill_and_free(mebibytes * kMiB);
  const uint64_t freed_kib = resident_kib();
  const auto whole = static_cast<time_t>(seconds);
  timespec rest{whole, static_cast<long>((seconds - static_cast<double>(whole)) * 1e9)};
  while (nanosleep(&rest, &rest) != 0) {
  }
  const uint64_t idle_kib = resident_kib();
  std::cout << nlohmann::ordered_json{{"allocator", allocator_in_use()},
                                      {"mode", mode_in_use()},
                                      {"full_rss_kib", full_kib},
                                      {"freed_rss_kib", freed_kib},
                                      {"idle_rss_kib", idle_kib}}
                   .dump()
            << std::endl;
  // To stderr: what works in the background, now that it had its time.
  auto* print = reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "hakmem_print_configuration"));
  if (print != nullptr) print(STDERR_FILENO);
  // The other thread sleeps on.
  std::_Exit(0);
}
