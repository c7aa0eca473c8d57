#include "node/engineio/shared_frame.h"

#include "gtest/gtest.h"

namespace roomlog {
namespace {

TEST(SharedFrameTest, TextIsAPacketOfTheEngine) {
  const SharedFramePtr frame = MakeFrame(R"(2["hi"])");
  EXPECT_FALSE(frame->is_binary());
  EXPECT_EQ(frame->payload(), R"(42["hi"])");
  EXPECT_EQ(frame->wire(),
            "\x81\x08"
            R"(42["hi"])");
}

TEST(SharedFrameTest, BinaryIsTheBytesAlone) {
  const SharedFramePtr frame = MakeBinaryFrame(absl::string_view("\0\xff", 2));
  EXPECT_TRUE(frame->is_binary());
  EXPECT_EQ(frame->payload(), absl::string_view("\0\xff", 2));
  EXPECT_EQ(frame->wire(), absl::string_view("\x82\x02\0\xff", 4));
  EXPECT_EQ(MakeBinaryFrame("")->payload(), "");
}

}  // namespace
}  // namespace roomlog
