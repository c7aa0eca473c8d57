#include "storage/log_life.h"

#include <functional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace roomlog {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A log that goes on: closed in order, and nothing is amiss.
FoundLog Whole() {
  FoundLog found;
  found.identity = {.inode = 7, .born_ns = 70};
  found.boot_id = "this boot";
  found.meta.emplace();
  found.meta->set_epoch(1000);
  found.meta->set_reserved_through(500);
  found.meta->set_boot_id("this boot");
  found.meta->set_inode(7);
  found.meta->set_born_ns(70);
  found.meta->set_closed(true);
  found.marker.emplace();
  found.marker->epoch = Epoch(1000);
  found.marker->reserved_through = Offset(500);
  return found;
}

TEST(DecideLifeTest, GoesOnUnlessSomethingMayBeLost) {
  const struct {
    const char* what;
    std::function<void(FoundLog&)> change;
    const char* reason;  // Empty: it goes on.
  } cases[] = {
      {"closed in order", [](FoundLog&) {}, ""},
      {"closed in order, another boot",
       [](FoundLog& found) { found.boot_id = "the next boot"; }, ""},
      {"killed", [](FoundLog& found) { found.meta->set_closed(false); }, ""},
      {"crashed while every commit was synced",
       [](FoundLog& found) {
         found.meta->set_closed(false);
         found.meta->set_every_commit_synced(true);
         found.boot_id = "the next boot";
       },
       ""},
      {"crashed otherwise",
       [](FoundLog& found) {
         found.meta->set_closed(false);
         found.boot_id = "the next boot";
       },
       "crashed"},
      {"new", [](FoundLog& found) { found.meta.reset(); }, "new"},
      {"no marker", [](FoundLog& found) { found.marker.reset(); }, "ROOMLOG"},
      {"another inode", [](FoundLog& found) { found.identity.inode = 8; },
       "copy"},
      {"born at another time",
       [](FoundLog& found) { found.identity.born_ns = 71; }, "copy"},
      {"the marker has reserved more",
       [](FoundLog& found) { found.marker->reserved_through = Offset(501); },
       "older"},
      {"the marker has a later epoch",
       [](FoundLog& found) { found.marker->epoch = Epoch(1001); }, "older"},
      {"the database has reserved more",
       [](FoundLog& found) { found.meta->set_reserved_through(501); }, ""},
      {"the disk failed",
       [](FoundLog& found) { found.marker->unsynced_may_be_lost = true; },
       "disk failed"},
      {"the write-ahead log lost its tail",
       [](FoundLog& found) { found.lost_tail = true; }, "write-ahead"},
  };
  for (const auto& [what, change, reason] : cases) {
    FoundLog found = Whole();
    change(found);
    const LogLife life = DecideLife(found, 5000);
    if (*reason == '\0') {
      EXPECT_EQ(life.epoch, Epoch(1000)) << what;
      EXPECT_THAT(life.new_epoch_reason, IsEmpty()) << what;
    } else {
      EXPECT_EQ(life.epoch, Epoch(5000)) << what;
      EXPECT_THAT(life.new_epoch_reason, HasSubstr(reason)) << what;
    }
    EXPECT_GE(life.reserved_through, Offset(500)) << what;
  }
}

TEST(DecideLifeTest, ANewEpochIsGreaterThanAnyBeforeWhateverTheClockSays) {
  FoundLog found = Whole();
  found.lost_tail = true;
  EXPECT_EQ(DecideLife(found, 999).epoch, Epoch(1001));
  EXPECT_EQ(DecideLife(found, -1).epoch, Epoch(1001));
  found.marker->epoch = Epoch(2000);
  found.marker->reserved_through = Offset(600);
  const LogLife life = DecideLife(found, 999);
  EXPECT_EQ(life.epoch, Epoch(2001));
  EXPECT_EQ(life.reserved_through, Offset(600));
  EXPECT_EQ(DecideLife(FoundLog(), -1).epoch, Epoch(1));
}

}  // namespace
}  // namespace roomlog
