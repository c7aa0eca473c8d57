#include "storage/commit_row.h"

#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/status_matchers.h"

namespace roomlog {
namespace {

std::string TwoPacks() {
  CommitRowWriter writer;
  writer.Clear();
  writer.Add(PackKey(RoomId(7), Offset(101)), {"he", "ad", "packet"});
  writer.Add(PackKey(RoomId(3), Offset(100)), {"x"});
  return absl::StrJoin(writer.Finish(), "");
}

TEST(CommitRowTest, GivesBackWhatWasPutIn) {
  const std::string value = TwoPacks();
  CommitRowReader reader;
  ASSERT_THAT(reader.Read(CommitKey(Offset(100)), value), IsOk());
  EXPECT_EQ(reader.first(), Offset(100));
  ASSERT_EQ(reader.packs().size(), 2u);
  EXPECT_EQ(reader.packs()[0].room, RoomId(7));
  EXPECT_EQ(reader.packs()[0].first, Offset(101));
  EXPECT_EQ(reader.packs()[0].key, PackKey(RoomId(7), Offset(101)).view());
  EXPECT_EQ(reader.packs()[0].value, "headpacket");
  EXPECT_EQ(reader.packs()[1].room, RoomId(3));
  EXPECT_EQ(reader.packs()[1].value, "x");
}

TEST(CommitRowTest, AWriterBeginsAnew) {
  CommitRowWriter writer;
  for (int i = 0; i < 2; ++i) {
    writer.Clear();
    EXPECT_TRUE(writer.empty());
    writer.Add(PackKey(RoomId(1), Offset(1)), {"a"});
    EXPECT_FALSE(writer.empty());
    const std::string value = absl::StrJoin(writer.Finish(), "");
    CommitRowReader reader;
    ASSERT_THAT(reader.Read(CommitKey(Offset(1)), value), IsOk());
    EXPECT_EQ(reader.packs().size(), 1u);
  }
}

TEST(CommitRowTest, RefusesWhatWasCutOrGrew) {
  const std::string value = TwoPacks();
  CommitRowReader reader;
  for (size_t size = 0; size < value.size(); ++size) {
    EXPECT_THAT(reader.Read(CommitKey(Offset(100)), value.substr(0, size)),
                StatusIs(absl::StatusCode::kDataLoss))
        << size;
    EXPECT_TRUE(reader.packs().empty());
  }
  EXPECT_THAT(reader.Read(CommitKey(Offset(100)), value + "x"),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(reader.Read("short", value),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(reader.Read(CommitKey(Offset(100)), std::string(8, '\0')),
              StatusIs(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace roomlog
