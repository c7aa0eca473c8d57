#include "node/engineio/frame_joiner.h"

#include <array>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "node/engineio/engine_limits.h"

namespace roomlog {
namespace {

class FrameJoinerTest : public ::testing::Test {
 protected:
  absl::Span<const absl::string_view> Join(
      absl::Span<const SharedFramePtr> frames, size_t skip = 0) {
    return joiner_.Join(frames, skip, absl::MakeSpan(pieces_));
  }

  FrameJoiner joiner_;
  std::array<absl::string_view, 8> pieces_;
  const SharedFramePtr one_ = MakeFrame("one");
  const SharedFramePtr two_ = MakeFrame("two");
  const SharedFramePtr large_ = MakeFrame(std::string(kJoinedBytesMax, 'x'));
};

TEST_F(FrameJoinerTest, GivesTheSameBytesWhateverThePieces) {
  const std::vector<std::vector<SharedFramePtr>> cases = {
      {},           {one_},         {one_, two_},      {one_, two_},
      {two_, one_}, {one_, one_},   {one_, large_},    {large_, one_, two_},
      {one_, two_}, {large_, two_}, {two_, two_, two_}};
  for (const auto& frames : cases) {
    std::string want;
    for (const SharedFramePtr& frame : frames) {
      absl::StrAppend(&want, frame->wire());
    }
    EXPECT_EQ(absl::StrJoin(Join(frames), ""), want);
    if (frames.empty()) continue;
    EXPECT_EQ(absl::StrJoin(Join(frames, 3), ""), want.substr(3));
  }
}

TEST_F(FrameJoinerTest, JoinsTheSmallOnceForAll) {
  const auto first = Join({one_, two_});
  ASSERT_EQ(first.size(), 1);
  const char* const where = first[0].data();
  const auto second = Join({one_, two_});
  EXPECT_EQ(second[0].data(), where);
  EXPECT_EQ(Join({one_, large_}).size(), 2);
}

TEST_F(FrameJoinerTest, KeepsNothingOnceItForgets) {
  Join({one_, two_});
  EXPECT_EQ(one_.use_count(), 2);
  joiner_.Forget();
  EXPECT_EQ(one_.use_count(), 1);
}

}  // namespace
}  // namespace roomlog
