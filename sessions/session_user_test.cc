// Whose a session is.
#include <string>

#include "absl/strings/string_view.h"
#include "base/limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sessions/session_table.h"
#include "test/status_matchers.h"

namespace roomlog {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr ProducerId kNodeA{0xa};
constexpr ProducerId kNodeB{0xb};

proto::SessionOperation Operation(uint64_t claim) {
  proto::SessionOperation operation;
  operation.set_name_space("/");
  operation.set_private_id("private-id-of-20-cha");
  operation.set_claim(claim);
  return operation;
}

class SessionUserTest : public ::testing::Test {
 protected:
  absl::Status OpenFor(const std::string& user, bool is_unproven = false) {
    proto::SessionOperation operation = Operation(1);
    operation.mutable_open()->set_socket_id("socket-id-of-20-char");
    operation.mutable_open()->set_notice_room("notices");
    operation.mutable_open()->set_user(user);
    operation.mutable_open()->set_user_unproven(is_unproven);
    return Apply(kNodeA, operation);
  }
  absl::Status RestoreAs(const std::string& user) {
    proto::SessionOperation operation = Operation(2);
    operation.mutable_restore()->set_notice_room("notices");
    operation.mutable_restore()->set_user(user);
    return Apply(kNodeB, operation);
  }
  absl::Status Apply(ProducerId owner,
                     const proto::SessionOperation& operation) {
    effects_ = {};
    offset_ = offset_.Next();
    const absl::Status status =
        table_
            .Apply(owner, operation.SerializeAsString(), offset_,
                   /*now_ms=*/1000, &effects_)
            .status();
    table_.Written();
    return status;
  }

  SessionTable table_{100};
  SessionTable::Effects effects_;
  Offset offset_{100};
};

TEST_F(SessionUserTest, NobodyElseRestoresItOrDisturbsWhoHasIt) {
  struct Case {
    const char* opened_for;
    const char* asked_by;
  };
  for (const Case& c : {Case{"ann", "bob"}, Case{"ann", ""}, Case{"ann", "Ann"},
                        Case{"ann", "ann "}, Case{"", "ann"}}) {
    SCOPED_TRACE(std::string(c.opened_for) + " " + c.asked_by);
    ASSERT_THAT(OpenFor(c.opened_for), IsOk());
    EXPECT_THAT(RestoreAs(c.asked_by), StatusIs(absl::StatusCode::kNotFound));
    EXPECT_THAT(effects_.rows, IsEmpty());
    EXPECT_THAT(effects_.notices, IsEmpty());
    // The owner's operations are taken as before; this one ends it.
    proto::SessionOperation close = Operation(1);
    close.mutable_close();
    EXPECT_THAT(Apply(kNodeA, close), IsOk());
  }
}

TEST_F(SessionUserTest, TheUserRestoresItAgainAndAgain) {
  ASSERT_THAT(OpenFor("ann"), IsOk());
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(RestoreAs("ann"), IsOk());
    EXPECT_THAT(effects_.notices, SizeIs(1));
  }
  EXPECT_THAT(RestoreAs("bob"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(SessionUserTest, AUserWhoProvedNothingIsNotAskedTo) {
  ASSERT_THAT(OpenFor("ann", /*is_unproven=*/true), IsOk());
  EXPECT_THAT(RestoreAs("ann"), StatusIs(absl::StatusCode::kNotFound));
  for (int i = 0; i < 2; ++i) EXPECT_THAT(RestoreAs(""), IsOk());
}

TEST_F(SessionUserTest, ItIsReadAgainWithTheRest) {
  ASSERT_THAT(OpenFor("ann"), IsOk());
  const StateChange row = effects_.rows.at(0);
  SessionTable later(100);
  ASSERT_THAT(later.Load(row.key, *row.value), IsOk());
  for (const auto& [user, code] :
       {std::pair("bob", absl::StatusCode::kNotFound),
        std::pair("ann", absl::StatusCode::kOk)}) {
    proto::SessionOperation operation = Operation(2);
    operation.mutable_restore()->set_notice_room("notices");
    operation.mutable_restore()->set_user(user);
    EXPECT_THAT(later.Apply(kNodeB, operation.SerializeAsString(), Offset(200),
                            /*now_ms=*/1000, &effects_),
                StatusIs(code))
        << user;
  }
}

TEST_F(SessionUserTest, ALongerNameIsNoUsers) {
  const std::string longest(kUserNameBytesMax, 'a');
  EXPECT_THAT(OpenFor(longest + "a"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  ASSERT_THAT(OpenFor(longest), IsOk());
  EXPECT_THAT(RestoreAs(longest + "a"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(RestoreAs(longest), IsOk());
}

}  // namespace
}  // namespace roomlog
