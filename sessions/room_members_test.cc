#include "sessions/room_members.h"

#include <malloc.h>

#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Counts = RoomMembers::Counts;

std::string Room(absl::string_view name) {
  return absl::StrCat("/", absl::string_view("\0", 1), name);
}

std::string SocketId(int number) {
  std::string id = absl::StrCat("socket", 1'000'000 + number);
  id.resize(20, '_');
  return id;
}

MemberChange Comes(int number, std::string user,
                   std::vector<std::string> rooms) {
  MemberChange change;
  change.name_space = "/";
  change.socket_id = SocketId(number);
  change.user = std::move(user);
  change.owner = ProducerId(1);
  change.joined = std::move(rooms);
  return change;
}

MemberChange Goes(int number) {
  MemberChange change = Comes(number, "", {});
  change.is_gone = true;
  return change;
}

class RoomMembersTest : public ::testing::Test {
 protected:
  std::vector<std::string> Sockets(absl::string_view room,
                                   absl::string_view after = "",
                                   size_t most = 100) const {
    std::vector<std::string> words;
    if (most == 0) return words;
    members_.ForEachSocket(
        room, after, [&](const RoomMembers::SocketMember& member) {
          words.push_back(absl::StrCat(member.id.substr(12, 1), " ",
                                       member.user,
                                       member.is_away ? " away" : ""));
          return words.size() < most;
        });
    return words;
  }
  std::vector<std::string> Users(absl::string_view room,
                                 absl::string_view after = "") const {
    std::vector<std::string> words;
    members_.ForEachUser(
        room, after,
        [](const RoomMembers::SocketMember& member) { return member.is_away; },
        [&](const RoomMembers::UserMember& member) {
          words.push_back(absl::StrCat(member.name, " on ", member.sockets,
                                       member.is_away ? " away" : ""));
          return true;
        });
    return words;
  }

  RoomMembers members_;
};

TEST_F(RoomMembersTest, AUserOnSeveralSocketsIsOne) {
  members_.Apply(Comes(1, "ann", {"lobby"}));
  members_.Apply(Comes(2, "ann", {"lobby", "hall"}));
  members_.Apply(Comes(3, "bob", {"lobby"}));
  members_.Apply(Comes(4, "", {"lobby"}));
  EXPECT_EQ(members_.Count(Room("lobby")), (Counts{4, 2}));
  EXPECT_EQ(members_.Count(Room("hall")), (Counts{1, 1}));
  EXPECT_THAT(Sockets(Room("lobby")),
              ElementsAre("1 ann", "2 ann", "3 bob", "4 "));
  EXPECT_THAT(Users(Room("lobby")), ElementsAre("ann on 2", "bob on 1"));
  members_.Apply(Goes(1));
  EXPECT_THAT(Users(Room("lobby")), ElementsAre("ann on 1", "bob on 1"));
  members_.Apply(Goes(2));
  EXPECT_THAT(Users(Room("lobby")), ElementsAre("bob on 1"));
  EXPECT_EQ(members_.Count(Room("hall")), Counts());
}

TEST_F(RoomMembersTest, ListsTheRoomsOfANamespaceThatSomebodyIsIn) {
  members_.Apply(Comes(1, "ann", {"", "b", "a"}));
  members_.Apply(Comes(2, "ann", {"b"}));
  MemberChange elsewhere = Comes(3, "ann", {"aa"});
  elsewhere.name_space = "/x";
  members_.Apply(elsewhere);
  const auto rooms = [this](absl::string_view name_space,
                            absl::string_view after = "") {
    std::string words;
    members_.ForEachRoom(
        name_space, after, [&](const RoomMembers::RoomMember& room) {
          absl::StrAppend(&words, " ", room.name, "*", room.counts.sockets, "/",
                          room.counts.users);
          return true;
        });
    return words;
  };
  EXPECT_EQ(rooms("/"), " a*1/1 b*2/1");
  EXPECT_EQ(rooms("/", "a"), " b*2/1");
  EXPECT_EQ(rooms("/x"), " aa*1/1");
  EXPECT_EQ(rooms("/y"), "");
  members_.Apply(Goes(1));
  EXPECT_EQ(rooms("/"), " b*1/1");
}

TEST_F(RoomMembersTest, WhoIsThereAllTheWhileComesOncePageByPage) {
  for (const int number : {3, 1, 5}) {
    members_.Apply(Comes(number, "ann", {"lobby"}));
  }
  EXPECT_THAT(Sockets(Room("lobby"), "", 2), ElementsAre("1 ann", "3 ann"));
  members_.Apply(Goes(3));
  members_.Apply(Comes(2, "bob", {"lobby"}));
  members_.Apply(Comes(4, "bob", {"lobby"}));
  EXPECT_THAT(Sockets(Room("lobby"), SocketId(3)),
              ElementsAre("4 bob", "5 ann"));
  EXPECT_THAT(Users(Room("lobby"), "ann"), ElementsAre("bob on 2"));
  EXPECT_THAT(Sockets(Room("lobby"), "x"), IsEmpty());
}

TEST_F(RoomMembersTest, OnlyWhoIsAwayOnAllSocketsIsAway) {
  MemberChange first = Comes(1, "ann", {"lobby"});
  members_.Apply(first);
  members_.Apply(Comes(2, "ann", {"lobby"}));
  first.is_away = true;
  first.joined.clear();
  members_.Apply(first);
  EXPECT_THAT(Sockets(Room("lobby")), ElementsAre("1 ann away", "2 ann"));
  EXPECT_THAT(Users(Room("lobby")), ElementsAre("ann on 2"));
  // Being there in another room does not count.
  MemberChange second = Comes(2, "ann", {"hall"});
  second.left = {"lobby"};
  members_.Apply(second);
  EXPECT_THAT(Users(Room("lobby")), ElementsAre("ann on 1 away"));
}

TEST_F(RoomMembersTest, NamespacesDoNotMix) {
  members_.Apply(Comes(1, "ann", {"lobby"}));
  MemberChange other = Comes(1, "ann", {"lobby"});
  other.name_space = "/chat";
  members_.Apply(other);
  other.is_gone = true;
  members_.Apply(other);
  EXPECT_EQ(members_.Count(Room("lobby")), (Counts{1, 1}));
}

TEST_F(RoomMembersTest, WhatWasToldBeforeChangesNothing) {
  members_.Apply(Comes(1, "ann", {"lobby"}));
  members_.Apply(Comes(1, "ann", {"lobby"}));
  MemberChange leaves = Comes(1, "ann", {});
  leaves.left = {"hall", "never seen"};
  members_.Apply(leaves);
  EXPECT_EQ(members_.Count(Room("lobby")), (Counts{1, 1}));
  members_.Apply(Goes(1));
  members_.Apply(Goes(1));
  EXPECT_EQ(members_.Count(Room("lobby")), Counts());
}

// docs/protocol.md says what presence costs the broker.
TEST_F(RoomMembersTest, SaysWhatAMembershipCosts) {
  const auto in_use = [] {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
  };
  constexpr int kSockets = 20'000;
  const auto cost_of = [&](std::vector<std::string> rooms) {
    RoomMembers members;
    const size_t before = in_use();
    for (int i = 0; i < kSockets; ++i) {
      members.Apply(Comes(i, absl::StrCat("user", i), rooms));
    }
    return (in_use() - before) / kSockets;
  };
  const size_t with_one = cost_of({""});
  const size_t with_five = cost_of({"", "a", "b", "c", "d"});
  const size_t each = (with_five - with_one) / 4;
  std::printf("a socket with a user takes %zu bytes, and %zu for each room\n",
              with_one - each, each);
  EXPECT_LE(with_one - each, 512u);
  EXPECT_LE(each, 64u);
}

}  // namespace
}  // namespace roomlog
