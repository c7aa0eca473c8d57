#include "node/engineio/id_generator.h"

#include <set>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "gtest/gtest.h"

namespace roomlog {
namespace {

TEST(IdGeneratorTest, MakesIdsAsSocketIoDoes) {
  IdGenerator ids;
  absl::flat_hash_set<std::string> seen;
  for (int i = 0; i < 10000; ++i) {
    const std::string id = ids.Next();
    EXPECT_EQ(id.size(), 20);
    for (char c : id) {
      EXPECT_TRUE(absl::ascii_isalnum(c) || c == '-' || c == '_') << id;
    }
    EXPECT_TRUE(seen.insert(id).second) << id;
  }
}

TEST(IdGeneratorTest, NamesTheLoop) {
  for (int index : {0, 1, 7, 255}) {
    IdGenerator ids(static_cast<uint8_t>(index));
    for (int i = 0; i < 300; ++i) {
      EXPECT_EQ(IdGenerator::LoopOf(ids.Next()), index);
    }
  }
  for (absl::string_view id :
       {"", "short", "0123456789abcdef01 3", "0123456789abcdef012345"}) {
    EXPECT_EQ(IdGenerator::LoopOf(id), std::nullopt) << id;
  }
}

TEST(IdGeneratorTest, NamesTheNode) {
  const NodeTag tag = IdGenerator::DrawTag();
  EXPECT_NE(tag, NodeTag());
  EXPECT_NE(tag, IdGenerator::DrawTag());
  std::set<std::string> seen;
  for (int index : {0, 1, 255}) {
    IdGenerator ids(static_cast<uint8_t>(index), tag);
    for (int i = 0; i < 300; ++i) {
      const std::string id = ids.Next();
      EXPECT_EQ(IdGenerator::TagOf(id), tag);
      EXPECT_EQ(IdGenerator::LoopOf(id), index);
      EXPECT_TRUE(seen.insert(id).second) << id;
    }
  }
  EXPECT_EQ(IdGenerator::TagOf("short"), std::nullopt);
}

}  // namespace
}  // namespace roomlog
