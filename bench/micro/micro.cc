// Owns: single operations by size, under Google Benchmark. Run it under any preload.
// Called by: people, while they change one function.
// Never: the source of a published number (bench/compare interleaves; this does not).
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <cstdlib>
#include <vector>

namespace {

void malloc_free(benchmark::State& state) {
  const auto size = static_cast<size_t>(state.range(0));
  for (auto _ : state) {
    void* block = std::malloc(size);
    benchmark::DoNotOptimize(block);
    std::free(block);
  }
}
BENCHMARK(malloc_free)->RangeMultiplier(4)->Range(16, 16 << 20);

void calloc_free(benchmark::State& state) {
  const auto size = static_cast<size_t>(state.range(0));
  for (auto _ : state) {
    void* block = std::calloc(1, size);
    benchmark::DoNotOptimize(block);
    std::free(block);
  }
}
BENCHMARK(calloc_free)->RangeMultiplier(8)->Range(16, 4 << 20);

void aligned_free(benchmark::State& state) {
  const auto alignment = static_cast<size_t>(state.range(0));
  for (auto _ : state) {
    void* block = memalign(alignment, 100);
    benchmark::DoNotOptimize(block);
    std::free(block);
  }
}
BENCHMARK(aligned_free)->RangeMultiplier(4)->Range(16, 64 << 10);

void realloc_grow(benchmark::State& state) {
  const auto limit = static_cast<size_t>(state.range(0));
  for (auto _ : state) {
    void* block = nullptr;
    for (size_t size = 16; size <= limit; size += size / 2) block = std::realloc(block, size);
    benchmark::DoNotOptimize(block);
    std::free(block);
  }
}
BENCHMARK(realloc_grow)->Arg(4 << 10)->Arg(256 << 10)->Arg(4 << 20);

void usable_size(benchmark::State& state) {
  void* block = std::malloc(100);
  for (auto _ : state) benchmark::DoNotOptimize(malloc_usable_size(block));
  std::free(block);
}
BENCHMARK(usable_size);

}  // namespace

BENCHMARK_MAIN();
