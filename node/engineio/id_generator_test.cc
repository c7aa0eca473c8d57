#include "node/engineio/id_generator.h"

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

}  // namespace
}  // namespace roomlog
