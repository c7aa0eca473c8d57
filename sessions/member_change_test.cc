#include "sessions/member_change.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace roomlog {
namespace {

struct State {
  bool exists = true;
  std::vector<std::string> rooms;
  uint64_t owner = 1;
  bool is_detached = false;
  bool is_absent = false;
};

proto::SessionRecord RecordOf(const State& state) {
  proto::SessionRecord record;
  record.set_name_space("/");
  record.set_socket_id("ann's socket");
  record.set_user("ann");
  record.set_owner(state.owner);
  record.set_detached_ms(state.is_detached ? 5 : 0);
  record.set_is_absent(state.is_absent);
  for (const std::string& room : state.rooms) {
    record.add_rooms()->set_name(room);
  }
  return record;
}

// "+a+b-c away gone": what was joined and left.
std::string InWords(const State& before, const State& after) {
  const proto::SessionRecord was = RecordOf(before);
  const proto::SessionRecord is = RecordOf(after);
  const std::optional<MemberChange> change = MemberChangeBetween(
      before.exists ? &was : nullptr, after.exists ? &is : nullptr);
  if (!change.has_value()) return "nothing";
  EXPECT_EQ(change->name_space, "/");
  EXPECT_EQ(change->socket_id, "ann's socket");
  EXPECT_EQ(change->user, "ann");
  std::string words;
  for (const std::string& room : change->joined) {
    absl::StrAppend(&words, "+", room);
  }
  for (const std::string& room : change->left) {
    absl::StrAppend(&words, "-", room);
  }
  return absl::StrCat(words, change->is_away ? " away" : "",
                      change->is_gone ? " gone" : "");
}

TEST(MemberChangeTest, SaysWhatRoomsAreToShow) {
  const State none{.exists = false};
  struct Case {
    State before;
    State after;
    std::string words;
  };
  const std::vector<Case> cases = {
      {none, {.rooms = {"", "b", "a"}}, "++a+b"},
      {none, {.rooms = {"b"}}, "++b"},
      {none, {}, "+"},
      {{.rooms = {"a"}}, {.rooms = {"a"}}, "nothing"},
      {{.rooms = {"a", "b"}}, {.rooms = {"b", "c"}}, "+c-a"},
      {{.rooms = {"a"}}, {.rooms = {"a"}, .is_detached = true}, " away"},
      {{.rooms = {"a"}, .is_detached = true}, {.rooms = {"a"}, .owner = 2}, ""},
      {{.rooms = {"a"}}, {.rooms = {"a"}, .owner = 2}, ""},
      {{.rooms = {"a"}, .is_detached = true},
       {.rooms = {"a"}, .is_detached = true, .is_absent = true},
       "--a away gone"},
      {{.rooms = {"a"}, .is_absent = true}, {.rooms = {"a"}}, "++a"},
      {{.rooms = {"a"}, .is_absent = true}, none, "nothing"},
      {{.rooms = {"a"}}, none, "--a gone"},
      {none, {.rooms = {"$roomlog/direct/x", "a"}}, "++a"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(InWords(c.before, c.after), c.words)
        << absl::StrJoin(c.before.rooms, ",") << " to "
        << absl::StrJoin(c.after.rooms, ",");
  }
}

}  // namespace
}  // namespace roomlog
