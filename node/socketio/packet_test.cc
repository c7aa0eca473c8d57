#include "node/socketio/packet.h"

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "test/status_matchers.h"

namespace roomlog {
namespace {

constexpr auto kConnect = PacketType::kConnect;
constexpr auto kDisconnect = PacketType::kDisconnect;
constexpr auto kEvent = PacketType::kEvent;
constexpr auto kAck = PacketType::kAck;
constexpr auto kConnectError = PacketType::kConnectError;
constexpr auto kInvalidArgument = absl::StatusCode::kInvalidArgument;

TEST(DecodePacketTest, DecodesEachKind) {
  const std::vector<std::pair<absl::string_view, Packet>> cases = {
      {"0", {kConnect, "/", std::nullopt, ""}},
      {"00", {kConnect, "/", 0, ""}},
      {"0{}", {kConnect, "/", std::nullopt, "{}"}},
      {R"(0{"token":"abc"})",
       {kConnect, "/", std::nullopt, R"({"token":"abc"})"}},
      {"0/custom", {kConnect, "/custom", std::nullopt, ""}},
      {"0/custom,", {kConnect, "/custom", std::nullopt, ""}},
      {"0/custom,{}", {kConnect, "/custom", std::nullopt, "{}"}},
      {"0/__proto__,", {kConnect, "/__proto__", std::nullopt, ""}},
      {"0/a?b=c,", {kConnect, "/a?b=c", std::nullopt, ""}},
      {"0/,", {kConnect, "/", std::nullopt, ""}},
      {"0/", {kConnect, "/", std::nullopt, ""}},
      {"1", {kDisconnect, "/", std::nullopt, ""}},
      {"1/admin,", {kDisconnect, "/admin", std::nullopt, ""}},
      {R"(2["hi"])", {kEvent, "/", std::nullopt, R"(["hi"])"}},
      {R"(2["hi"] )", {kEvent, "/", std::nullopt, R"(["hi"])"}},
      {R"(2["error"])", {kEvent, "/", std::nullopt, R"(["error"])"}},
      {"2[1]", {kEvent, "/", std::nullopt, "[1]"}},
      {"2[-1.5,2]", {kEvent, "/", std::nullopt, "[-1.5,2]"}},
      {R"(2/a,["b"])", {kEvent, "/a", std::nullopt, R"(["b"])"}},
      {R"(20["b"])", {kEvent, "/", 0, R"(["b"])"}},
      {R"(2007["e"])", {kEvent, "/", 7, R"(["e"])"}},
      {R"(2/a,12["b",{"_placeholder":true,"num":0}])",
       {kEvent, "/a", 12, R"(["b",{"_placeholder":true,"num":0}])"}},
      {R"(29007199254740991["e"])",
       {kEvent, "/", 9007199254740991, R"(["e"])"}},
      {"3/admin,13[]", {kAck, "/admin", 13, "[]"}},
      {"399[1,2]", {kAck, "/", 99, "[1,2]"}},
      {"3[]", {kAck, "/", std::nullopt, "[]"}},
      {R"(51-["a",{"_placeholder":true,"num":0}])",
       {kEvent, "/", std::nullopt, R"(["a",{"_placeholder":true,"num":0}])",
        1}},
      {R"(510-/a,7["b"])", {kEvent, "/a", 7, R"(["b"])", 10}},
      {"62-/a,7[]", {kAck, "/a", 7, "[]", 2}},
      {"4{}", {kConnectError, "/", std::nullopt, "{}"}},
      {R"(4"m")", {kConnectError, "/", std::nullopt, R"("m")"}},
  };
  for (const auto& [wire, want] : cases) {
    EXPECT_THAT(DecodePacket(wire), IsOkAndHolds(want)) << wire;
  }
}

TEST(DecodePacketTest, RefusesWhatIsNotAPacket) {
  const std::vector<std::string> cases = {
      "",
      " ",
      "7",
      "9",
      "x",
      "abc",
      "-1",
      "0[]",
      "0null",
      "0\"s\"",
      "0{",
      "0{}x",
      "0 ",
      "0/custom,[]",  //
      R"(1["x"])",
      "1{}",
      "1x",  //
      "2",
      "21",
      "2/a",
      "2/a,",
      "2{}",
      "2[]",
      "2[ ]",
      "2[null]",
      "2[true]",
      "2[[]]",
      "2[{}]",
      "2[1,",
      R"(2["a"]x)",
      R"(2["a"]["b"])",
      R"(2"a")",
      R"(2 ["a"])",
      R"(2x["a"])",
      R"(2-1["a"])",
      R"(2["connect"])",
      R"(2["connect_error"])",
      R"(2["disconnect"])",
      R"(2["disconnecting"])",
      R"(2["newListener"])",
      R"(2["removeListener"])",
      R"(2["\u0063onnect"])",  // The same, in disguise.
      R"(29007199254740992["e"])",
      R"(299999999999999999999999["e"])",  //
      "3",
      "31",
      "3{}",
      "3null",  //
      "4",
      "4[]",
      "4null",  //
      R"(50-["a"])",
      "5[]",
      "51[]",
      "5-1-[]",
      R"(5-["a"])",
      R"(5001-["a"])",
      R"(511-["a"])",
      R"(50001-["a"])",
      "51-",
      "51-{}",
      "511-[]",
      "5x-[]",
      "60-[]",
      "6[]",
      absl::StrCat("0/", std::string(255, 'n'), ","),
      absl::StrCat("0/", std::string("n\0n", 3), ",")};
  for (const std::string& wire : cases) {
    EXPECT_THAT(DecodePacket(wire), StatusIs(kInvalidArgument)) << wire;
  }
}

TEST(EventNameTest, IsReadFromTheData) {
  const std::vector<std::pair<absl::string_view, absl::string_view>> cases = {
      {R"(["message",1])", "message"}, {R"([ "a" ])", "a"}, {R"([""])", ""},
      {R"(["a\u0062\n"])", "ab\n"},    {"[1.50]", "1.50"},
  };
  for (const auto& [data, want] : cases) {
    std::string storage;
    EXPECT_EQ(EventName(data, &storage), want) << data;
  }
}

TEST(EncodePacketTest, WritesAsSocketIoDoes) {
  const std::vector<std::pair<Packet, std::string>> cases = {
      {{kConnect, "/", std::nullopt, R"({"sid":"x"})"}, R"(0{"sid":"x"})"},
      {{kConnect, "/a", std::nullopt, R"({"sid":"x"})"}, R"(0/a,{"sid":"x"})"},
      {{kDisconnect, "/", std::nullopt, ""}, "1"},
      {{kDisconnect, "/a", std::nullopt, ""}, "1/a,"},
      {{kEvent, "/", std::nullopt, R"(["e"])"}, R"(2["e"])"},
      {{kAck, "/a", 0, "[]"}, "3/a,0[]"},
      {{kEvent, "/a", 3, R"(["e"])", 2}, R"(52-/a,3["e"])"},
      {{kAck, "/", 3, "[]", 10}, "610-3[]"},
  };
  for (const auto& [packet, want] : cases) {
    EXPECT_EQ(EncodePacket(packet), want);
  }
}

// Whatever comes: an error, or a packet that reads the same when written.
TEST(DecodePacketTest, SurvivesMutatedPackets) {
  std::mt19937 random(31415);
  const auto below = [&](size_t bound) { return random() % bound; };
  const std::vector<std::string> seeds = {
      "0",
      R"(0/custom,{"token":"abc"})",
      "1/admin,",
      R"(2["message",{"a":[1,2.5,null]},"text\u00e9"])",
      R"(2/chat,17["message-with-ack","x"])",
      R"(3/admin,13[{"ok":true}])",
      R"(4{"message":"no"})",
      R"(51-["a",{"_placeholder":true,"num":0}])"};
  const std::string alphabet = "0123456789/,[]{}\":\\u-e.tn \xc3\xa9";
  int decoded = 0;
  for (int round = 0; round < 100000; ++round) {
    std::string wire = seeds[below(seeds.size())];
    for (size_t changes = below(4); changes > 0 && !wire.empty(); --changes) {
      const size_t at = below(wire.size());
      switch (below(4)) {
        case 0:
          wire[at] = static_cast<char>(random());
          break;
        case 1:
          wire[at] = alphabet[below(alphabet.size())];
          break;
        case 2:
          wire.erase(at, 1 + below(3));
          break;
        default:
          wire.insert(at, 1, alphabet[below(alphabet.size())]);
      }
    }
    const absl::StatusOr<Packet> packet = DecodePacket(wire);
    if (!packet.ok()) continue;
    ++decoded;
    const std::string again = EncodePacket(*packet);
    EXPECT_THAT(DecodePacket(again), IsOkAndHolds(*packet)) << wire;
    if (packet->type == kEvent) {
      EXPECT_EQ(packet->data.front(), '[');
      EXPECT_EQ(packet->data.back(), ']');
    }
  }
  EXPECT_GT(decoded, 10000);
}

}  // namespace
}  // namespace roomlog
