#include "backend/linux/guest/small_file.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "file_tree.h"

namespace hakmem {
namespace {

std::vector<std::string> lines_of(const std::string& path, size_t capacity) {
  std::vector<char> buffer(capacity);
  std::vector<std::string> lines;
  LineReader reader(path.c_str(), buffer.data(), capacity);
  Text line;
  while (reader.next(line)) lines.emplace_back(line.data, line.length);
  return lines;
}

TEST(LineReader, GivesAllLinesThroughAnyBuffer) {
  FileTree tree;
  tree.write("/file", "one\n\nthree\nfour");
  const std::vector<std::string> expected{"one", "", "three", "four"};
  for (const size_t capacity : {6, 7, 8, 9, 15, 16, 17, 4096}) {
    EXPECT_EQ(lines_of(tree.path("/file"), capacity), expected) << capacity;
  }
}

TEST(LineReader, CutsLongLinesAndFindsTheNext) {
  FileTree tree;
  tree.write("/file", "ab\n0123456789012345678\nshort\n01234567\n012345678\nlast\n");
  EXPECT_EQ(lines_of(tree.path("/file"), 8),
            (std::vector<std::string>{"ab", "01234567", "short", "01234567", "01234567", "last"}));
}

TEST(LineReader, AMissingFileHasNoLines) {
  FileTree tree;
  tree.write("/empty", "");
  EXPECT_TRUE(lines_of(tree.path("/missing"), 8).empty());
  EXPECT_TRUE(lines_of(tree.path("/empty"), 8).empty());
}

}  // namespace
}  // namespace hakmem
