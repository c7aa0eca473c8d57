#include "node/application/request.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "gtest/gtest.h"

namespace roomlog {
namespace {

// `arguments` without the name, as in `"room",{"last":5}`.
ClientRequest Read(absl::string_view name, absl::string_view arguments) {
  RequestReader reader;
  const std::string json =
      arguments.empty() ? absl::StrCat("[\"", name, "\"]")
                        : absl::StrCat("[\"", name, "\",", arguments, "]");
  return reader.Read("/chat", name, Args(json, {}, 1));
}

template <typename Request>
Request ReadAs(absl::string_view name, absl::string_view arguments) {
  ClientRequest request = Read(name, arguments);
  if (const auto* refusal = std::get_if<Refusal>(&request)) {
    ADD_FAILURE() << name << " " << arguments << ": " << refusal->message;
    return Request();
  }
  return std::get<Request>(std::move(request));
}

std::string Long(size_t size) { return std::string(size, 'x'); }

TEST(RequestTest, JoinSaysWhereToBegin) {
  const std::vector<std::pair<const char*, ReplayStart>> cases = {
      {R"("r")", FromNow{}},
      {R"("r",null)", FromNow{}},
      {R"("r",{})", FromNow{}},
      {R"("r", { "last" : 5 })", LastEvents{5}},
      {R"("r",{"last":0})", LastEvents{0}},
      {R"("r",{"last":10000})", LastEvents{10000}},
      {R"("r",{"last":5.0})", LastEvents{5}},
      {R"("r",{"after":"e-1f"})", AfterPosition{{Epoch(0xe), Offset(0x1f)}}},
      {R"("r",{"after":"e-1f~e-20~1"})",
       AfterPosition{{Epoch(0xe), Offset(0x1f)}}},
      {R"("r",{"since":1700000000000})", SinceTime{1700000000000}},
      {R"("r",{"since":1.7e12})", SinceTime{1700000000000}},
      {R"("r",{"since":-1})", SinceTime{-1}},
      {R"("r",{"from":"start"})", FromStart{}},
      {R"("r",{"\u0066rom":"start"})", FromStart{}},
  };
  for (const auto& [arguments, want] : cases) {
    const auto join = ReadAs<ClientJoin>("join", arguments);
    EXPECT_EQ(join.start, want) << arguments;
    EXPECT_EQ(join.room, *RoomKey::Make("/chat", "r")) << arguments;
  }
}

TEST(RequestTest, RoomsAreNamedInUtf8) {
  for (const auto& [json, room] :
       std::vector<std::pair<std::string, std::string>>{
           {R"("r")", "r"},
           {R"("a\"\u00e4\ud83d\ude00")", "a\"\xc3\xa4\xf0\x9f\x98\x80"},
           {R"("\ud800")", "\xef\xbf\xbd"},
           {"\"\xf0\x9f\x98\x80 \"", "\xf0\x9f\x98\x80 "},
           {absl::StrCat("\"", Long(255), "\""), Long(255)}}) {
    EXPECT_EQ(ReadAs<ClientLeave>("leave", json).room.room(), room) << json;
  }
}

TEST(RequestTest, PresenceSaysWhomToList) {
  using What = PresenceQuery::What;
  const auto plain = ReadAs<ClientPresence>("presence", R"("r")");
  EXPECT_EQ(plain.room, *RoomKey::Make("/chat", "r"));
  EXPECT_EQ(plain.query.what, What::kCounts);
  const auto users = ReadAs<ClientPresence>(
      "presence", R"("",{"list":"users","after":"ann","limit":1000})");
  EXPECT_EQ(users.room, *RoomKey::Make("/chat", ""));
  EXPECT_EQ(users.query.what, What::kUsers);
  EXPECT_EQ(users.query.after, "ann");
  EXPECT_EQ(users.query.limit, 1000u);
  EXPECT_EQ(ReadAs<ClientPresence>("presence", R"("r",{"list":"sockets"})")
                .query.what,
            What::kSockets);
  const auto one = ReadAs<ClientPresence>("presence", R"("",{"user":"ann"})");
  EXPECT_EQ(one.query.what, What::kUser);
  EXPECT_EQ(one.query.user, "ann");
}

TEST(RequestTest, PublishMakesThePacketAndKeepsTheDataAsItCame) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {R"("r","m",{"a" : 1.00})", R"(2/chat,["m",{"a" : 1.00}])"},
      {R"("r","m",null)", R"(2/chat,["m",null])"},
      {R"("r","m")", R"(2/chat,["m",null])"},
      {R"("r","\u006d\n",["\ud800",36893488147419103232],null)",
       R"(2/chat,["m\u000a",["\ud800",36893488147419103232]])"},
      {R"("r","error","text",{})", R"(2/chat,["error","text"])"},
  };
  for (const auto& [arguments, packet] : cases) {
    const auto publish = ReadAs<ClientPublish>("publish", arguments);
    EXPECT_EQ(publish.packet, packet);
    EXPECT_EQ(publish.id, "");
  }
  EXPECT_EQ(
      ReadAs<ClientPublish>("publish", R"("r","m",1,{"id":"\u0031a"})").id,
      "1a");
}

TEST(RequestTest, HistoryIsPagedBothWays) {
  auto history = ReadAs<ClientHistory>("history", R"("r")");
  EXPECT_EQ(history.before, std::nullopt);
  EXPECT_EQ(history.after, std::nullopt);
  EXPECT_EQ(history.limit, kHistoryPageEventsDefault);

  history =
      ReadAs<ClientHistory>("history", R"("r",{"before":"1-5","limit":1})");
  EXPECT_EQ(history.before, (Position{Epoch(1), Offset(5)}));
  EXPECT_EQ(history.limit, 1u);

  history =
      ReadAs<ClientHistory>("history", R"("r",{"limit":1000,"after":"1-0"})");
  EXPECT_EQ(history.after, (Position{Epoch(1), Offset(0)}));
  EXPECT_EQ(history.limit, 1000u);
}

TEST(RequestTest, NodeTakesWhateverComes) {
  ReadAs<ClientNode>("node", "");
  ReadAs<ClientNode>("node", "1,2,3,4,5,6");
}

TEST(RequestTest, RefusesWithTheCodeAndWhatIsWrong) {
  struct Case {
    std::string name;
    std::string arguments;
    ErrorCode code;
    std::string message_part;
  };
  using enum ErrorCode;
  const std::string long_string = absl::StrCat("\"", Long(256), "\"");
  const std::vector<Case> cases = {
      {"", "", kBadRequest, "unknown event"},
      {"shout", "1", kBadRequest, "unknown event \"shout\""},

      {"join", "", kBadRequest, "the room is missing"},
      {"join", "null", kBadRoom, "must be a string"},
      {"join", "5", kBadRoom, "must be a string"},
      {"join", "[\"r\"]", kBadRoom, "must be a string"},
      {"join", R"("")", kBadRoom, "needs a name"},
      {"join", R"("\u0000")", kBadRoom, "NUL"},
      {"join", R"("$roomlog/direct/x/0")", kBadRoom, "is reserved"},
      {"publish", R"("$roomlog/","m")", kBadRoom, "is reserved"},
      {"join", long_string, kBadRoom, "256 bytes is longer than 255"},
      {"join", R"("r",5)", kBadRequest, "must be an object"},
      {"join", R"("r",[])", kBadRequest, "must be an object"},
      {"join", R"("r","start")", kBadRequest, "must be an object"},
      {"join", R"("r",{},1)", kBadRequest, "not 3 arguments"},
      {"join", R"("r",{"lats":5})", kBadRequest, "unknown option \"lats\""},
      {"join", R"("r",{"last":1,"since":2})", kBadRequest, "only one of"},
      {"join", R"("r",{"last":1,"last":2})", kBadRequest, "only one of"},
      {"join", R"("r",{"last":-1})", kBadRequest, "from 0 to 10000, not -1"},
      {"join", R"("r",{"last":10001})", kBadRequest, "from 0 to 10000"},
      {"join", R"("r",{"last":1.5})", kBadRequest, "whole number"},
      {"join", R"("r",{"last":"5"})", kBadRequest, "whole number"},
      {"join", R"("r",{"last":null})", kBadRequest, "whole number"},
      {"join", R"("r",{"last":1e300})", kBadRequest, "whole number"},
      {"join", R"("r",{"last":36893488147419103232})", kBadRequest, ""},
      {"join", R"("r",{"after":5})", kBadOffset, "offset, which is a string"},
      {"join", R"("r",{"after":null})", kBadOffset, "is a string"},
      {"join", R"("r",{"after":""})", kBadOffset, "not an offset"},
      {"join", R"("r",{"after":"1-2-3"})", kBadOffset, "not an offset"},
      {"join", R"("r",{"after":"1-2~1-2"})", kBadOffset, "not an offset"},
      {"join", R"("r",{"since":"now"})", kBadRequest, "whole number"},
      {"join", R"("r",{"from":"end"})", kBadRequest, "from must be"},
      {"join", R"("r",{"from":true})", kBadRequest, "from must be"},

      {"leave", "", kBadRequest, "missing"},
      {"leave", R"("r",{})", kBadRequest, "not 2 arguments"},

      {"publish", "", kBadRequest, "missing"},
      {"publish", R"("r")", kBadRequest, "the event name is missing"},
      {"publish", R"("r",5,1)", kBadEvent, "must be a string"},
      {"publish", R"("r","",1)", kBadEvent, "needs a name"},
      {"publish", R"("r","connect",1)", kBadEvent, "reserved"},
      {"publish", R"("r","connect_error",1)", kBadEvent, "reserved"},
      {"publish", R"("r","disconnect",1)", kBadEvent, "reserved"},
      {"publish", R"("r","disconnecting",1)", kBadEvent, "reserved"},
      {"publish", R"("r","newListener",1)", kBadEvent, "reserved"},
      {"publish", R"("r","removeListener",1)", kBadEvent, "reserved"},
      {"publish", R"("r","\u0063onnect",1)", kBadEvent, "reserved"},
      {"publish", R"("r","roomlog:gap",1)", kBadEvent, "reserved"},
      {"publish", absl::StrCat("\"r\",", long_string, ",1"), kBadEvent,
       "256 bytes is longer than 255"},
      {"publish", R"("r","m",1,{},2)", kBadRequest, "fewer arguments"},
      {"publish", R"("r","m",1,"id")", kBadRequest, "must be an object"},
      {"publish", R"("r","m",1,{"i":"d"})", kBadRequest, "unknown option"},
      {"publish", R"("r","m",1,{"id":5})", kBadRequest, "not empty"},
      {"publish", R"("r","m",1,{"id":""})", kBadRequest, "not empty"},
      {"publish", absl::StrCat(R"("r","m",1,{"id":")", Long(129), "\"}"),
       kTooLarge, "129 bytes is longer than 128"},
      {"publish", absl::StrCat(R"("r","m",")", Long(kPacketBytesMax), "\""),
       kTooLarge, "is larger than"},

      {"presence", "", kBadRequest, "missing"},
      {"presence", R"("r",{"limit":0})", kBadRequest, "from 1 to 1000, not 0"},
      {"presence", R"("r",{"list":"all"})", kBadRequest, "list must be"},
      {"presence", R"("r",{"list":1})", kBadRequest, "list must be"},
      {"presence", R"("r",{"user":""})", kBadRequest, "user must be"},
      {"presence", R"("r",{"user":1})", kBadRequest, "user must be"},
      {"presence", R"("r",{"user":"a","list":"users"})", kBadRequest,
       "no list"},
      {"presence", R"("r",{"user":"a","after":"b"})", kBadRequest, "no list"},
      {"presence", R"("r",{"after":1})", kBadRequest, "after must be"},
      {"presence", R"("r",{"watch":1})", kBadRequest, "watch must be"},
      {"presence", R"("r",{"last":5})", kBadRequest, "unknown option"},
      {"presence", R"("$roomlog/x")", kBadRoom, "reserved"},
      {"history", "", kBadRequest, "missing"},
      {"history", R"("r",{"limit":0})", kBadRequest, "from 1 to 1000, not 0"},
      {"history", R"("r",{"limit":1001})", kBadRequest, "from 1 to 1000"},
      {"history", R"("r",{"before":"1-1","after":"1-1"})", kBadRequest,
       "only one of"},
      {"history", R"("r",{"before":"x"})", kBadOffset, "not an offset"},
      {"history", R"("r",{"last":5})", kBadRequest, "unknown option"},
  };
  for (const Case& wrong : cases) {
    const std::string shown =
        absl::StrCat(wrong.name, " ", wrong.arguments.substr(0, 60));
    const ClientRequest request = Read(wrong.name, wrong.arguments);
    const auto* refusal = std::get_if<Refusal>(&request);
    ASSERT_NE(refusal, nullptr) << shown;
    EXPECT_EQ(ErrorCodeName(refusal->code), ErrorCodeName(wrong.code)) << shown;
    EXPECT_TRUE(absl::StrContains(refusal->message, wrong.message_part))
        << shown << ": " << refusal->message;
    EXPECT_LT(refusal->message.size(), 500u) << shown;
  }
}

}  // namespace
}  // namespace roomlog
