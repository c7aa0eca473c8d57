#include "node/rooms/event_frames.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;

constexpr Position kAt{Epoch(0xe), Offset(0x1f)};

std::vector<std::string> Payloads(const FrameList& frames) {
  std::vector<std::string> payloads;
  for (const SharedFramePtr& frame : frames) {
    payloads.emplace_back(frame->payload());
  }
  return payloads;
}

TEST(EventFramesTest, SplicesTheOffsetBehindTheArguments) {
  EventFrames frames(absl::string_view(R"(2["m",1,"two"])"), {}, kAt);
  EXPECT_THAT(Payloads(frames.For(true)),
              ElementsAre(R"(42["m",1,"two","e-1f"])"));
  EXPECT_THAT(Payloads(frames.For(false)), ElementsAre(R"(42["m",1,"two"])"));
  EXPECT_THAT(Payloads(frames.InHistory("~e-20~3")),
              ElementsAre(R"(42["m",1,"two","e-1f~e-20~3"])"));
}

TEST(EventFramesTest, AnEventMayBeItsNameAlone) {
  EventFrames frames(absl::string_view(R"(2/chat,["m"])"), {}, kAt);
  EXPECT_THAT(Payloads(frames.For(true)),
              ElementsAre(R"(42/chat,["m","e-1f"])"));
}

TEST(EventFramesTest, WhatEndsInAnOffsetForEverybodyIsMadeOnce) {
  EventFrames frames(std::string(R"(2["m",1,"e-1f"])"), {}, kAt);
  EXPECT_EQ(&frames.For(true), &frames.For(false));
  EXPECT_THAT(Payloads(frames.For(true)), ElementsAre(R"(42["m",1,"e-1f"])"));
  EXPECT_THAT(Payloads(frames.InHistory("~e-20~3")),
              ElementsAre(R"(42["m",1,"e-1f~e-20~3"])"));
}

TEST(EventFramesTest, BothKindsShareTheAttachments) {
  EventFrames frames(
      absl::string_view(R"(51-["m",{"_placeholder":true,"num":0}])"), {"bytes"},
      kAt);
  const FrameList plain = frames.For(false);
  const FrameList with_offset = frames.For(true);
  ASSERT_EQ(plain.size(), 2u);
  ASSERT_EQ(with_offset.size(), 2u);
  EXPECT_EQ(plain[1], with_offset[1]);
  EXPECT_EQ(plain[1]->payload(), "bytes");
}

// Whatever was made before, what is kept gives both kinds.
TEST(EventFramesTest, WhatIsKeptBorrowsNothing) {
  for (const bool made : {false, true}) {
    auto packet = std::make_unique<std::string>(R"(2["m",1])");
    EventFrames frames(absl::string_view(*packet), {}, kAt);
    frames.For(made);
    frames.Keep();
    packet.reset();
    EXPECT_THAT(Payloads(frames.For(false)), ElementsAre(R"(42["m",1])"));
    EXPECT_THAT(Payloads(frames.For(true)), ElementsAre(R"(42["m",1,"e-1f"])"));
    EXPECT_THAT(Payloads(frames.InHistory("~e-20~3")),
                ElementsAre(R"(42["m",1,"e-1f~e-20~3"])"));
  }
}

}  // namespace
}  // namespace roomlog
