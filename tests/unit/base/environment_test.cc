#include "base/environment.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <string.h>

#include <string>

namespace hakmem {
namespace {

Text text(const char* string) {
  return {.data = string, .length = strlen(string)};
}

TEST(Environment, FindsWholeNamesOnly) {
  setenv("HAKMEM_TEST_LONGER", "wrong", 1);
  setenv("HAKMEM_TEST", "right", 1);
  const Text value = environment_variable("HAKMEM_TEST");
  ASSERT_TRUE(value.present());
  EXPECT_EQ(std::string(value.data, value.length), "right");
  EXPECT_FALSE(environment_variable("HAKMEM_TES").present());
}

TEST(Environment, ListsMatchInEitherCase) {
  EXPECT_EQ(index_in("off|auto|on", text("auto")), 1);
  EXPECT_EQ(index_in("off|auto|on", text("ON")), 2);
  EXPECT_EQ(index_in("off|auto|on", text("o")), -1);
  EXPECT_EQ(index_in("off|auto|on", text("")), -1);
  EXPECT_EQ(index_in("off|auto|on", text("auto|on")), -1);
  const Text entry = entry_of("off|auto|on", 1);
  EXPECT_EQ(std::string(entry.data, entry.length), "auto");
}

TEST(Environment, ParsesBytes) {
  size_t bytes = 0;
  EXPECT_TRUE(parse_bytes(text("65536"), bytes));
  EXPECT_EQ(bytes, 65536u);
  EXPECT_TRUE(parse_bytes(text("2M"), bytes));
  EXPECT_EQ(bytes, size_t{2} << 20);
  EXPECT_TRUE(parse_bytes(text("3g"), bytes));
  EXPECT_EQ(bytes, size_t{3} << 30);
  EXPECT_TRUE(parse_bytes(text("1T"), bytes));
  EXPECT_EQ(bytes, size_t{1} << 40);
  EXPECT_TRUE(parse_bytes(text("2GiB"), bytes));
  EXPECT_EQ(bytes, size_t{2} << 30);
  for (const char* bad : {"", "M", "GiB", "2GB", "2Gi", "16777216T", "-1", "1.5M", "2MB",
                          "99999999999999999999", "17179869184G"}) {
    EXPECT_FALSE(parse_bytes(text(bad), bytes)) << bad;
  }
}

TEST(Environment, ParsesShares) {
  size_t part = 0;
  EXPECT_TRUE(parse_share(text("80%"), 1000, part));
  EXPECT_EQ(part, 800u);
  EXPECT_TRUE(parse_share(text("100%"), 1000, part));
  EXPECT_EQ(part, 1000u);
  for (const char* bad :
       {"", "%", "0%", "101%", "80", "8.5%", "80%%", "-1%", "99999999999999999999%"}) {
    EXPECT_FALSE(parse_share(text(bad), 1000, part)) << bad;
  }
}

TEST(Environment, TakesPartsOfAList) {
  Text rest = text("a,,bc");
  EXPECT_TRUE(take_until(rest, ',').equals("a"));
  EXPECT_TRUE(take_until(rest, ',').equals(""));
  EXPECT_TRUE(take_until(rest, ',').equals("bc"));
  EXPECT_EQ(rest.length, 0u);
}

TEST(Environment, KnowsTheProgram) {
  EXPECT_TRUE(program_name().equals("unit_tests"));
}

}  // namespace
}  // namespace hakmem
