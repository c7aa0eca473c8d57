#include "broker/journal/publish_batch.h"

#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "broker/journal/batch_story.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/status_matchers.h"

namespace roomlog {
namespace {

constexpr absl::StatusCode kInvalidArgument =
    absl::StatusCode::kInvalidArgument;

struct Sent {
  proto::Publish message;
  std::string packets;
};

Sent Sensible() {
  Sent sent;
  sent.message = PublishMessage(
      {.first_number = 5,
       .events = {{Room("a"), "one", "id-1"}, {Room("b"), "three"}},
       .answered_through = 4},
      &sent.packets);
  return sent;
}

absl::StatusOr<std::shared_ptr<const PublishBatch>> Parse(Sent sent) {
  return ParsePublishBatch(NodeNumber(3), ProducerId(9),
                           std::move(sent.message),
                           SharedBytes(std::move(sent.packets)));
}

TEST(ParsePublishBatchTest, TakesApartWhatANodeSends) {
  const auto parsed = Parse(Sensible());
  ASSERT_THAT(parsed, IsOk());
  const PublishBatch& batch = **parsed;
  EXPECT_EQ(batch.node, NodeNumber(3));
  EXPECT_EQ(batch.producer, ProducerId(9));
  EXPECT_EQ(batch.first_number, PublishNumber(5));
  EXPECT_EQ(batch.answered_through, PublishNumber(4));
  ASSERT_EQ(batch.events.size(), 2u);
  EXPECT_EQ(batch.events[0].packet, "one");
  EXPECT_EQ(batch.events[0].id, "id-1");
  EXPECT_EQ(batch.events[1].packet, "three");
  EXPECT_EQ(batch.rooms[batch.events[1].room], Room("b"));
}

TEST(ParsePublishBatchTest, RefusesWhatIsMalformed) {
  using Spoil = std::function<void(Sent*)>;
  constexpr uint64_t kHighest = std::numeric_limits<uint64_t>::max();
  const std::vector<std::pair<std::string, Spoil>> cases = {
      {"nothing at all", [](Sent* s) { *s = Sent(); }},
      {"no events",
       [](Sent* s) { s->message.mutable_events()->Clear(), s->packets = ""; }},
      {"number 0",
       [](Sent* s) {
         s->message.set_first_number(0);
         s->message.set_answered_through(0);
       }},
      {"numbers that wrap",
       [](Sent* s) { s->message.set_first_number(kHighest - 1); }},
      {"answered before it was sent",
       [](Sent* s) { s->message.set_answered_through(5); }},
      {"answered far ahead",
       [](Sent* s) { s->message.set_answered_through(kHighest); }},
      {"more events than there are",
       [](Sent* s) { s->message.mutable_events()->set_count(3); }},
      {"fewer events than there are",
       [](Sent* s) { s->message.mutable_events()->set_count(1); }},
      {"more events than a message may have",
       [](Sent* s) {
         proto::EventColumns* const events = s->message.mutable_events();
         events->Clear();
         s->packets.assign(kEventsPerMessageMax + 1, 'x');
         events->set_count(kEventsPerMessageMax + 1);
         for (size_t i = 0; i <= kEventsPerMessageMax; ++i) {
           events->add_packet_sizes(1);
         }
       }},
      {"a count of billions",
       [](Sent* s) { s->message.mutable_events()->set_count(UINT32_MAX); }},
      {"packets cut off", [](Sent* s) { s->packets.pop_back(); }},
      {"packets too long", [](Sent* s) { s->packets += "x"; }},
      {"an empty packet",
       [](Sent* s) {
         s->message.mutable_events()->set_packet_sizes(0, 0);
         s->packets = s->packets.substr(3);
       }},
      {"a packet that is too large",
       [](Sent* s) {
         s->packets = std::string(kPacketBytesMax + 1, 'x') + "three";
         s->message.mutable_events()->set_packet_sizes(0, kPacketBytesMax + 1);
       }},
      {"sizes that overflow",
       [](Sent* s) {
         s->message.mutable_events()->set_packet_sizes(0, UINT32_MAX);
         s->message.mutable_events()->set_packet_sizes(1, 9);
       }},
      {"a room that is not named",
       [](Sent* s) { s->message.mutable_events()->set_rooms(1, 2); }},
      {"no rooms named", [](Sent* s) { s->message.clear_rooms(); }},
      {"too few room columns",
       [](Sent* s) {
         s->message.mutable_events()->mutable_rooms()->RemoveLast();
       }},
      {"names cut off",
       [](Sent* s) {
         s->message.mutable_rooms()->mutable_names()->pop_back();
       }},
      {"names too long",
       [](Sent* s) {
         s->message.mutable_rooms()->mutable_names()->append("x");
       }},
      {"more rooms than a message may have",
       [](Sent* s) {
         for (size_t i = 0; i < kRoomsPerMessageMax; ++i) {
           AddRoomName(Room("c"), s->message.mutable_rooms());
         }
       }},
      {"ids cut off",
       [](Sent* s) { s->message.mutable_events()->mutable_ids()->pop_back(); }},
      {"an id that is too long",
       [](Sent* s) {
         const std::string id(kPublishIdBytesMax + 1, 'i');
         s->message.mutable_events()->set_ids(id);
         s->message.mutable_events()->set_id_sizes(0, id.size());
       }},
  };
  for (const auto& [what, spoil] : cases) {
    Sent sent = Sensible();
    spoil(&sent);
    EXPECT_THAT(Parse(std::move(sent)), StatusIs(kInvalidArgument)) << what;
  }
}

TEST(ParsePublishBatchTest, TakesWhatIsJustWithinItsBounds) {
  Sent sent;
  sent.message =
      PublishMessage({.events = {{Room("a"), std::string(kPacketBytesMax, 'x'),
                                  std::string(kPublishIdBytesMax, 'i')}}},
                     &sent.packets);
  EXPECT_THAT(Parse(std::move(sent)), IsOk());
}

}  // namespace
}  // namespace roomlog
