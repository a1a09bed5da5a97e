// Much for a compiler to do: many headers, many instantiations.
#include <algorithm>
#include <array>
#include <functional>
#include <iostream>
#include <map>
#include <random>
#include <regex>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

template <size_t N>
struct Layer {
  std::map<std::array<int, N + 1>, std::vector<std::string>> table;
  std::variant<std::array<char, N + 1>, std::set<long>, std::string> value;
  size_t run(std::mt19937& random);
};

template <size_t N>
size_t Layer<N>::run(std::mt19937& random) {
  for (size_t k = 0; k < N; ++k) {
    std::array<int, N + 1> key{};
    key[k % (N + 1)] = static_cast<int>(random());
    table[key].push_back(std::to_string(k));
  }
  value = std::set<long>{1, 2, static_cast<long>(N)};
  return std::visit([](const auto& held) { return static_cast<size_t>(held.size()); }, value) +
         table.size();
}

template <size_t... N>
size_t run_all(std::mt19937& random, std::index_sequence<N...>) {
  return (Layer<N + 1>().run(random) + ...);
}

int main() {
  std::mt19937 random(1);
  std::regex pattern("(a|b)*c[0-9]{2,5}");
  std::cout << run_all(random, std::make_index_sequence<24>()) << std::regex_match("abc12", pattern)
            << '\n';
}
