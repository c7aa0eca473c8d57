#include "base/room_key.h"

#include <string>

#include "gtest/gtest.h"
#include "test/status_matchers.h"

namespace roomlog {
namespace {

TEST(RoomKeyTest, KeepsBothNames) {
  for (const std::string& room :
       {std::string(), std::string("lobby"), std::string("straße")}) {
    absl::StatusOr<RoomKey> key = RoomKey::Make("/chat", room);
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ(key->name_space(), "/chat");
    EXPECT_EQ(key->room(), room);
    EXPECT_THAT(RoomKey::Parse(key->text()), IsOkAndHolds(*key));
  }
}

TEST(RoomKeyTest, TakesNamesUpTo255Bytes) {
  EXPECT_TRUE(RoomKey::Make("/", std::string(255, 'r')).ok());
  EXPECT_FALSE(RoomKey::Make("/", std::string(256, 'r')).ok());
  EXPECT_FALSE(RoomKey::Make(std::string(256, 'n'), "r").ok());
}

TEST(RoomKeyTest, RefusesWhatIsNoName) {
  for (const std::string& room :
       {std::string("a\0b", 3), std::string("\xff"), std::string("\xc3"),
        std::string("\xed\xa0\x80")}) {
    EXPECT_FALSE(RoomKey::Make("/", room).ok());
  }
  EXPECT_FALSE(RoomKey::Make("", "lobby").ok());
  EXPECT_FALSE(RoomKey::Parse("lobby").ok());
}

}  // namespace
}  // namespace roomlog
