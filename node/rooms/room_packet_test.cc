#include "node/rooms/room_packet.h"

#include <string>

#include "gtest/gtest.h"

namespace roomlog {
namespace {

constexpr Epoch kEpoch(0xe);

RoomPackets PacketsOf(const char* name_space, const char* room) {
  return RoomPackets(*RoomKey::Make(name_space, room));
}

EventView Stored(absl::string_view packet, absl::string_view id = "") {
  EventView event;
  event.offset = Offset(0x1f);
  event.time_ms = 1700000000123;
  event.flags = proto::EVENT_FLAG_ROOM_APPLICATION;
  event.id = id;
  event.packet = packet;
  return event;
}

TEST(RoomPacketTest, IsMadeAsSocketIoMakesIt) {
  EXPECT_EQ(MakeRoomPacket("/", "msg", R"({"a": 1.0})"),
            R"(2["msg",{"a": 1.0}])");
  EXPECT_EQ(MakeRoomPacket("/chat", "say \"it\"", "null"),
            R"(2/chat,["say \"it\"",null])");
}

TEST(RoomPacketTest, ClientsGetMetaAndOffsetAsLastArguments) {
  EXPECT_EQ(PacketsOf("/", "r").ForClient(Stored(R"(2["m",{"a":1}])"), kEpoch),
            R"(2["m",{"a":1},{"room":"r","id":null,"time":1700000000123},)"
            R"("e-1f"])");
  EXPECT_EQ(PacketsOf("/chat", "a\"b")
                .ForClient(Stored(R"(2/chat,["m",[]])", "id\n"), kEpoch),
            R"(2/chat,["m",[],{"room":"a\"b","id":"id\u000a",)"
            R"("time":1700000000123},"e-1f"])");
}

TEST(RoomPacketTest, WhatOthersPublishedGetsTheOffsetOnly) {
  EventView event = Stored(R"(2["m",1,"two"])");
  event.flags = 0;
  EXPECT_EQ(PacketsOf("/", "r").ForClient(event, kEpoch),
            R"(2["m",1,"two","e-1f"])");
  std::string json;
  EXPECT_TRUE(PacketsOf("/", "r").AppendForHistory(event, kEpoch, &json));
  EXPECT_EQ(json, R"({"event":"m","data":[1,"two"],"meta":{"room":"r",)"
                  R"("id":null,"time":1700000000123},"offset":"e-1f"})");
}

TEST(RoomPacketTest, HistoryCutsEventAndDataOut) {
  std::string json;
  EXPECT_TRUE(
      PacketsOf("/chat", "r")
          .AppendForHistory(Stored(R"(2/chat,["a\",b",{"x":"]\""}])", "i"),
                            kEpoch, &json));
  EXPECT_EQ(json, R"({"event":"a\",b","data":{"x":"]\""},"meta":{"room":"r",)"
                  R"("id":"i","time":1700000000123},"offset":"e-1f"})");
}

TEST(RoomPacketTest, WhatIsNoTextEventOfTheNamespaceIsNotSent) {
  for (const char* packet :
       {"", "2", "2[", "2[]", "2[1]", "3[\"m\"]", "2/chat,[\"m\",1]",
        "2[\"m\",1", "2[\"\xff\",1]"}) {
    std::string json;
    EXPECT_EQ(PacketsOf("/", "r").ForClient(Stored(packet), kEpoch),
              std::nullopt)
        << packet;
    EXPECT_FALSE(
        PacketsOf("/", "r").AppendForHistory(Stored(packet), kEpoch, &json))
        << packet;
    EXPECT_EQ(json, "");
  }
  EXPECT_EQ(
      PacketsOf("/", "r").ForClient(Stored(R"(2["m",1])", "\xff"), kEpoch),
      std::nullopt);
  EventView binary = Stored(R"(2["m",1])");
  binary.flags |= proto::EVENT_FLAG_HAS_ATTACHMENTS;
  EXPECT_EQ(PacketsOf("/", "r").ForClient(binary, kEpoch), std::nullopt);
}

}  // namespace
}  // namespace roomlog
