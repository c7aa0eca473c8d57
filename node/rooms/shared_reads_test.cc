#include "node/rooms/shared_reads.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/fakes/fake_backplane.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SharedReadsTest : public ::testing::Test {
 protected:
  SharedReadsTest() {
    for (int i = 0; i < 5; ++i) backplane_.Append(Key("r"), "x");
  }

  static RoomKey Key(absl::string_view room) {
    return *RoomKey::Make("/", room);
  }
  static HistoryRequest Stretch(uint64_t after, uint64_t before) {
    HistoryRequest request;
    request.room = Key("r");
    request.after = Offset(after);
    request.before = Offset(before);
    request.events_max = 10;
    return request;
  }
  // The answer is noted as "who: 3 events".
  void Read(const std::string& who, HistoryRequest request) {
    reads_.Read(std::move(request),
                [this, who](const absl::StatusOr<HistoryPage>& page) {
                  told_.push_back(
                      page.ok() ? absl::StrCat(who, ": ", page->events.size())
                                : absl::StrCat(who, " failed"));
                });
  }

  FakeBackplane backplane_{Epoch(1)};
  SharedReads reads_{backplane_};
  std::vector<std::string> told_;
};

TEST_F(SharedReadsTest, WhoAsksForTheSameGetsTheSame) {
  Read("ann", Stretch(0, 4));
  Read("bob", Stretch(0, 4));
  EXPECT_EQ(backplane_.reads_waiting(), 1u);
  EXPECT_THAT(told_, IsEmpty());
  backplane_.Settle();
  EXPECT_THAT(told_, ElementsAre("ann: 3", "bob: 3"));
  Read("cal", Stretch(0, 4));  // The other is over.
  EXPECT_EQ(backplane_.reads_waiting(), 1u);
}

TEST_F(SharedReadsTest, AndFailsTheSame) {
  backplane_.FailReads(absl::UnavailableError("busy"));
  Read("ann", Stretch(0, 4));
  Read("bob", Stretch(0, 4));
  backplane_.Settle();
  EXPECT_THAT(told_, ElementsAre("ann failed", "bob failed"));
}

TEST_F(SharedReadsTest, WhatDiffersIsReadByItself) {
  Read("all", Stretch(0, 4));
  Read("later", Stretch(1, 4));
  Read("longer", Stretch(0, 5));
  HistoryRequest other = Stretch(0, 4);
  other.events_max = 1;
  Read("fewer", other);
  other = Stretch(0, 4);
  other.newest_first = true;
  Read("backward", other);
  other = Stretch(0, 4);
  other.since_ms = 2000;
  Read("since", other);
  other = Stretch(0, 4);
  other.room = Key("other");
  Read("elsewhere", other);
  EXPECT_EQ(backplane_.reads_waiting(), 7u);
}

// Who has just published would not find it there.
TEST_F(SharedReadsTest, WhatHasNoEndIsReadByItself) {
  Read("ann", Stretch(0, HistoryRequest().before.value()));
  backplane_.RunRead();
  backplane_.Append(Key("r"), "x");
  Read("bob", Stretch(0, HistoryRequest().before.value()));
  backplane_.Settle();
  EXPECT_THAT(told_, ElementsAre("ann: 5", "bob: 6"));
}

}  // namespace
}  // namespace roomlog
