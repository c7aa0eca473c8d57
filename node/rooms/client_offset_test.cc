#include "node/rooms/client_offset.h"

#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace roomlog {
namespace {

constexpr Position At(uint64_t epoch, uint64_t offset) {
  return {Epoch(epoch), Offset(offset)};
}

TEST(ClientOffsetTest, IsReadAsItWasWritten) {
  const std::vector<std::pair<std::string, ClientOffset>> cases = {
      {"e-2a", {At(0xe, 0x2a), {}}},
      {"0-0", {At(0, 0), {}}},
      {"e-2a~e-30~1", {At(0xe, 0x2a), {{At(0xe, 0x30), 1}}}},
      {"e-2a~f-30~18446744073709551615",
       {At(0xe, 0x2a), {{At(0xf, 0x30), UINT64_MAX}}}},
  };
  for (const auto& [text, offset] : cases) {
    EXPECT_EQ(FormatClientOffset(offset), text);
    const absl::StatusOr<ClientOffset> parsed = ParseClientOffset(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(*parsed, offset) << text;
  }
}

TEST(ClientOffsetTest, SaysUpToWhereTheRoomsWereHeard) {
  EXPECT_EQ(ParseClientOffset("e-2a")->place(), At(0xe, 0x2a));
  EXPECT_EQ(ParseClientOffset("e-2a~e-30~7")->place(), At(0xe, 0x30));
}

TEST(ClientOffsetTest, RefusesWhatNoNodeMakes) {
  for (const char* text : {"",
                           "~",
                           "~~",
                           "e",
                           "e-2a~",
                           "e-2a~e-30",
                           "e-2a~e-30~",
                           "e-2a~~1",
                           "~e-30~1",
                           "e-2a~e-30~0",
                           "e-2a~e-30~01",
                           "e-2a~e-30~-1",
                           "e-2a~e-30~+1",
                           "e-2a~e-30~ 1",
                           "e-2a~e-30~1 ",
                           "e-2a~e-30~x",
                           "e-2a~e-30~1~",
                           "e-2a~e-30~1~1",
                           "e-2a~e-30~18446744073709551616",
                           "E-2a",
                           "e-02a",
                           "e-2a ~e-30~1",
                           "e-2a,e-30,1"}) {
    EXPECT_EQ(ParseClientOffset(text).status().code(),
              absl::StatusCode::kInvalidArgument)
        << text;
  }
}

}  // namespace
}  // namespace roomlog
