#include "broker/transport/node_gate.h"

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/curve_key.h"
#include "base/limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/fakes/fake_clock.h"
#include "test/status_matchers.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Write(const std::string& text) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/nodes");
  std::ofstream(path) << text;
  return path;
}

std::string Key() { return CurveKeyPair::Generate().public_key().ToHex(); }

TEST(AllowedNodesTest, KnowsTheNodesInTheFile) {
  const std::string a = Key(), b = Key();
  const auto nodes = AllowedNodes::Open(
      Write(absl::StrCat("# ours\n\n", a, " node-a\n  ", b, "\tnode b \n")));
  ASSERT_THAT(nodes, IsOk());
  EXPECT_EQ((*nodes)->NameOf(a), "node-a");
  EXPECT_EQ((*nodes)->NameOf(b), "node b");
  EXPECT_EQ((*nodes)->NameOf(Key()), std::nullopt);
  EXPECT_EQ((*nodes)->NameOf(""), std::nullopt);
}

TEST(AllowedNodesTest, MayAllowNobody) {
  EXPECT_THAT(AllowedNodes::Open(Write("# none yet\n")), IsOk());
}

TEST(AllowedNodesTest, NamesTheLineThatIsWrong) {
  const std::string key = Key();
  std::string many;
  for (size_t i = 0; i <= kNodesMax; ++i) {
    many += absl::StrCat(std::string(60, 'a'), absl::Hex(i, absl::kZeroPad4),
                         " n\n");
  }
  for (const auto& [text, where] :
       std::vector<std::pair<std::string, std::string>>{
           {key, ":1: the node's name is missing"},
           {"# x\nhello node\n", ":2: a key is 64"},
           {key + " a\n" + key + " b\n", ":2: the key is there twice"},
           {key + " \xff\n", ":1: the node's name is not UTF-8"},
           {many, absl::StrCat(":", kNodesMax + 1, ": more than")},
       }) {
    const auto nodes = AllowedNodes::Open(Write(text));
    EXPECT_THAT(nodes, StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(std::string(nodes.status().message()),
                HasSubstr("/nodes" + where));
  }
}

TEST(AllowedNodesTest, KeepsWhatItReadBeforeIfTheFileIsWrong) {
  const std::string a = Key(), b = Key();
  const auto nodes = AllowedNodes::Open(Write(a + " a\n"));
  ASSERT_THAT(nodes, IsOk());
  Write(b);
  EXPECT_FALSE((*nodes)->Reread().ok());
  EXPECT_EQ((*nodes)->NameOf(a), "a");
  Write(b + " b\n");
  EXPECT_THAT((*nodes)->Reread(), IsOk());
  EXPECT_EQ((*nodes)->NameOf(a), std::nullopt);
  EXPECT_EQ((*nodes)->NameOf(b), "b");
}

TEST(SparingLogTest, CountsWhatItDoesNotSay) {
  FakeClock clock;
  std::vector<std::string> lines;
  SparingLog log([&](absl::string_view line) { lines.emplace_back(line); },
                 clock);
  for (int i = 0; i < 12; ++i) log.Say("no");
  EXPECT_EQ(lines.size(), 5);
  lines.clear();
  clock.Advance(absl::Seconds(9));
  log.Say("no");
  EXPECT_THAT(lines, IsEmpty());
  clock.Advance(absl::Seconds(1));
  log.Say("no");
  EXPECT_THAT(lines, ElementsAre("and 8 more like these", "no"));
}

}  // namespace
}  // namespace roomlog
