// Who may be told who is in a room.
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "node/auth/edge_with_tokens.h"

namespace roomlog {
namespace {

using ::testing::HasSubstr;

constexpr absl::string_view kOk = R"("ok":true)";
constexpr absl::string_view kForbidden = R"("code":"forbidden")";
constexpr absl::string_view kWatch = R"(,{"watch":true})";

class PresenceRightTest : public EdgeWithTokens {
 protected:
  PresenceRightTest() { recovery_.emplace(); }

  std::string Presence(FakeSocket& wire, absl::string_view room,
                       absl::string_view options = "") {
    return Ask(wire,
               absl::StrCat(R"(["presence",")", room, "\"", options, "]"));
  }
};

TEST_F(PresenceRightTest, NobodyIsToldWithoutTheRight) {
  Start("join,publish,history=*;presence=open");
  FakeSocket& ann = Connect(TokenOf("ann"));
  for (const absl::string_view options :
       {absl::string_view(""), absl::string_view(R"(,{"list":"users"})"),
        kWatch, absl::string_view(R"(,{"watch":false})")}) {
    EXPECT_THAT(Presence(ann, "secret", options), HasSubstr(kForbidden));
    EXPECT_THAT(Presence(ann, "", options), HasSubstr(kForbidden));
  }
  EXPECT_THAT(Presence(ann, "open"), HasSubstr(kOk));
  // It may watch; only, nobody keeps a feed here.
  EXPECT_THAT(Presence(ann, "open", kWatch), HasSubstr("bad_room"));
}

TEST_F(PresenceRightTest, TheRightIsThatOfTheToken) {
  Start("");
  FakeSocket& ann = Connect(TokenOf("ann", R"(,"roomlog":{"presence":["*"]})"));
  EXPECT_THAT(Presence(ann, "lobby"), HasSubstr(kOk));
  EXPECT_THAT(Presence(ann, ""), HasSubstr(kOk));
  EXPECT_THAT(Presence(Connect(TokenOf("bob")), "lobby"),
              HasSubstr(kForbidden));
}

TEST_F(PresenceRightTest, TheUserIsTheOneOfTheToken) {
  Start("join,presence=*");
  FakeSocket& ann = Connect(TokenOf("ann"));
  EXPECT_THAT(Ask(ann, R"(["join","lobby"])"), HasSubstr(kOk));
  EXPECT_THAT(Presence(ann, "lobby", R"(,{"list":"users"})"),
              HasSubstr(R"({"user":"ann","sockets":1,"away":false})"));
}

}  // namespace
}  // namespace roomlog
