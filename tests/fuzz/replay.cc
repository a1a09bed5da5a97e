// Owns: a main for a fuzz target that takes its inputs from files: replay FOLDER…
// Called by: ctest, with the corpus; people, with a folder of findings.
// Never: success without an input.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

namespace fs = std::filesystem;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

std::vector<uint8_t> read(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

}  // namespace

int main(int argc, char** argv) {
  unsigned inputs = 0;
  for (int index = 1; index < argc; ++index) {
    for (const fs::directory_entry& entry : fs::directory_iterator(argv[index])) {
      // On stdout, and at once: whoever finds the process dead knows the input.
      std::printf("%s\n", entry.path().c_str());
      std::fflush(stdout);
      const std::vector<uint8_t> input = read(entry.path());
      LLVMFuzzerTestOneInput(input.data(), input.size());
      ++inputs;
    }
  }
  std::printf("%u inputs\n", inputs);
  return inputs > 0 ? 0 : 1;
}
