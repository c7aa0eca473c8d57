#include "node/socketio/encoded_packet.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "test/status_matchers.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;

constexpr auto kInvalidArgument = absl::StatusCode::kInvalidArgument;
constexpr auto kDataLoss = absl::StatusCode::kDataLoss;

TEST(EncodeEventTest, WritesAsSocketIoDoes) {
  EXPECT_EQ(EncodeEvent("/", "hi", {})->text, R"(2["hi"])");
  EXPECT_EQ(EncodeEvent("/a", "h\"i", {1, nullptr})->text,
            R"(2/a,["h\"i",1,null])");
  EXPECT_EQ(EncodeEvent("/a", "hi", {}, 12)->text, R"(2/a,12["hi"])");
  EXPECT_EQ(EncodeAck("/", 7, {})->text, "37[]");
  EXPECT_EQ(EncodeAck("/a", 7, {"x", 1})->text, R"(3/a,7["x",1])");
  const EncodedPacket packet = *EncodeEvent(
      "/a", "hi",
      {Value::Binary("one"), Value::ArrayOf({Value::Binary("two")})}, 3);
  EXPECT_EQ(packet.text, R"(52-/a,3["hi",{"_placeholder":true,"num":0},)"
                         R"([{"_placeholder":true,"num":1}]])");
  EXPECT_EQ(packet.attachments[1].view(), "two");
  EXPECT_EQ(packet.size_bytes(), packet.text.size() + 6);
  EXPECT_EQ(EncodeAck("/", 7, {Value::Binary("x")})->text,
            R"(61-7[{"_placeholder":true,"num":0}])");
}

TEST(EncodeEventTest, RefusesWhatNoClientWouldTake) {
  EXPECT_THAT(EncodeEvent("/", "connect", {}), StatusIs(kInvalidArgument));
  EXPECT_THAT(EncodeEvent("/", "x", {"\xff"}), StatusIs(kInvalidArgument));
  EXPECT_THAT(EncodeEvent("/", "\xff", {}), StatusIs(kInvalidArgument));
  const std::vector<Value> many(11, Value::Binary("x"));
  EXPECT_THAT(EncodeEvent("/", "x", many), StatusIs(kInvalidArgument));
  EXPECT_THAT(EncodeEvent("/", "x", std::vector<Value>(10, many[0])), IsOk());
}

TEST(MakeFramesTest, TextFirstThenBytes) {
  const FrameList frames =
      MakeFrames(*EncodeEvent("/", "hi", {Value::Binary("bytes")}));
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_FALSE(frames[0]->is_binary());
  EXPECT_EQ(frames[0]->payload(),
            R"(451-["hi",{"_placeholder":true,"num":0}])");
  EXPECT_TRUE(frames[1]->is_binary());
  EXPECT_EQ(frames[1]->payload(), "bytes");
}

TEST(WithAckIdTest, PutsTheIdWhereItBelongs) {
  EXPECT_THAT(WithAckId(R"(2["a"])", "/", 5), IsOkAndHolds(R"(25["a"])"));
  EXPECT_THAT(WithAckId(R"(2/n,["a"])", "/n", 5),
              IsOkAndHolds(R"(2/n,5["a"])"));
  EXPECT_THAT(
      WithAckId(R"(51-/n,["a",{"_placeholder":true,"num":0}])", "/n", 5),
      IsOkAndHolds(R"(51-/n,5["a",{"_placeholder":true,"num":0}])"));
  for (absl::string_view other :
       {R"(2["a"])", R"(2/n,7["a"])", "3/n,[]", "x"}) {
    EXPECT_THAT(WithAckId(other, "/n", 5), StatusIs(kInvalidArgument)) << other;
  }
}

TEST(StorePacketTest, ComesBackAsItWas) {
  const EncodedPacket plain = *EncodeEvent("/", "hi", {1});
  EXPECT_EQ(StorePacket(plain), plain.text);
  EXPECT_EQ(LoadPacket(plain.text, false)->text, plain.text);

  const std::string large(300, 'x');
  const EncodedPacket packet =
      *EncodeEvent("/", "hi", {Value::Binary(large), Value::Binary("")});
  const std::string stored = StorePacket(packet);
  const StoredPacket loaded = *LoadPacket(stored, true);
  EXPECT_EQ(loaded.text, packet.text);
  EXPECT_THAT(loaded.attachments, ElementsAre(large, ""));
}

TEST(StorePacketTest, NoticesWhatIsCutOff) {
  const std::string stored =
      StorePacket(*EncodeEvent("/", "hi", {Value::Binary("bytes")}));
  int whole = 0;
  for (size_t size = 0; size < stored.size(); ++size) {
    const auto loaded = LoadPacket(stored.substr(0, size), true);
    if (loaded.ok()) {
      ++whole;  // Cut right behind the text.
    } else {
      EXPECT_THAT(loaded, StatusIs(kDataLoss)) << size;
    }
  }
  EXPECT_EQ(whole, 1);
  EXPECT_THAT(LoadPacket(std::string(9, '\xff'), true), StatusIs(kDataLoss));
}

TEST(EndInNoStringTest, AddsNullWhereAClientWouldSeeAnOffset) {
  for (const auto& [text, want] :
       std::vector<std::pair<std::string, absl::string_view>>{
           {R"(2["a"])", R"(2["a",null])"},
           {R"(2/chat,["a",1,"b\""])", R"(2/chat,["a",1,"b\"",null])"},
           {R"(2["a",["b"]])", R"(2["a",["b"]])"},
           {R"(2["a",{"b":"c"}])", R"(2["a",{"b":"c"}])"},
           {R"(2["a",1])", R"(2["a",1])"}}) {
    std::string ended = text;
    EndInNoString(&ended);
    EXPECT_EQ(ended, want);
  }
}

TEST(StoreValuesTest, ComesBackAsItWas) {
  const Values values = {1, "two", Value::Binary("three"),
                         Value::ObjectOf({{"f", Value::Binary("our")}})};
  EXPECT_THAT(LoadValues(StoreValues(values)), IsOkAndHolds(values));
  EXPECT_THAT(LoadValues(StoreValues({})), IsOkAndHolds(Values()));
  for (absl::string_view bad : {"", "\x05[]", "\x01[", "\x02[]\x09"}) {
    EXPECT_THAT(LoadValues(bad), StatusIs(kDataLoss)) << bad;
  }
}

}  // namespace
}  // namespace roomlog
