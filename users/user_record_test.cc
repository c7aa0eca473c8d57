#include "users/user_record.h"

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/users.pb.h"
#include "test/status_matchers.h"

namespace roomlog {
namespace {

using ::testing::HasSubstr;

// A user whose changes are said one after another, at offsets 1, 2, 3...
class UserRecordTest : public ::testing::Test {
 protected:
  absl::Status Do(const proto::UserOperation& operation) {
    absl::StatusOr<UserChange> change =
        ChangeUser(record_, "/", "ann", operation.SerializeAsString(), now_ms_);
    if (!change.ok()) return change.status();
    packet_ = change->packet;
    ++offset_;
    absl::StatusOr<UserRecord> next = ParseUserEvent(packet_, Offset(offset_));
    if (!next.ok()) return next.status();
    EXPECT_EQ(next->expires_ms, change->expires_ms);
    record_ = *std::move(next);
    return absl::OkStatus();
  }
  absl::Status Set(const std::string& state,
                   std::optional<uint64_t> ttl_ms = std::nullopt) {
    proto::UserOperation operation;
    operation.set_set(state);
    if (ttl_ms.has_value()) operation.set_ttl_ms(*ttl_ms);
    return Do(operation);
  }
  absl::Status Merge(const std::string& patch) {
    proto::UserOperation operation;
    operation.set_merge(patch);
    return Do(operation);
  }
  absl::Status Remove() {
    proto::UserOperation operation;
    operation.set_remove(true);
    return Do(operation);
  }
  absl::Status SetIf(uint64_t version, const std::string& state) {
    proto::UserOperation operation;
    operation.set_set(state);
    operation.set_if_version(version);
    return Do(operation);
  }
  std::string state() const {
    return record_.IsThere(now_ms_) ? record_.state : "none";
  }

  UserRecord record_;
  uint64_t offset_ = 0;
  int64_t now_ms_ = 1000;
  std::string packet_;
};

TEST_F(UserRecordTest, IsSetMergedAndRemoved) {
  EXPECT_EQ(state(), "none");
  EXPECT_THAT(Set(R"({"mood":"fine","at":{"x":1}})"), IsOk());
  EXPECT_THAT(Merge(R"({"at":{"y":2},"mood":null})"), IsOk());
  EXPECT_EQ(state(), R"({"at":{"x":1,"y":2}})");
  EXPECT_THAT(Remove(), IsOk());
  EXPECT_EQ(state(), "none");
  EXPECT_EQ(Remove().code(), absl::StatusCode::kNotFound);
}

TEST_F(UserRecordTest, AMergeIntoNothingBeginsIt) {
  EXPECT_THAT(Merge(R"({"a":1,"b":null})"), IsOk());
  EXPECT_EQ(state(), R"({"a":1})");
}

TEST_F(UserRecordTest, TellsItsWatchersTheWholeState) {
  EXPECT_THAT(Set(R"({"a":1})", 500), IsOk());
  EXPECT_EQ(packet_, R"(2["roomlog:user",{"user":"ann","change":"set",)"
                     R"("state":{"a":1},"expires":1500}])");
  EXPECT_THAT(Remove(), IsOk());
  EXPECT_EQ(packet_, R"(2["roomlog:user",{"user":"ann","change":"delete",)"
                     R"("state":null,"expires":null}])");
  EXPECT_EQ(UserExpiredPacket("/chat", "a\"b"),
            R"(2/chat,["roomlog:user",{"user":"a\"b","change":"expire",)"
            R"("state":null,"expires":null}])");
}

TEST_F(UserRecordTest, ChangesOnlyAtTheVersionThatIsAsked) {
  EXPECT_THAT(SetIf(0, R"({"n":1})"), IsOk());
  EXPECT_EQ(SetIf(0, R"({"n":2})").code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(SetIf(1, R"({"n":2})"), IsOk());
  EXPECT_EQ(SetIf(1, R"({"n":3})").code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(state(), R"({"n":2})");
  EXPECT_THAT(Remove(), IsOk());
  // Its version was the removal's; but there is nothing any more.
  EXPECT_EQ(SetIf(3, R"({"n":4})").code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(SetIf(0, R"({"n":4})"), IsOk());
}

TEST_F(UserRecordTest, EndsWhenItsTimeIsOver) {
  EXPECT_THAT(Set(R"({"a":1})", 500), IsOk());
  now_ms_ = 1499;
  EXPECT_EQ(state(), R"({"a":1})");
  EXPECT_THAT(Merge(R"({"b":2})"), IsOk());  // Lasts as long as what there was.
  now_ms_ = 1500;
  EXPECT_EQ(state(), "none");
  EXPECT_EQ(Remove().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Merge(R"({"c":3})"), IsOk());
  EXPECT_EQ(state(), R"({"c":3})");
  now_ms_ = 1'000'000;
  EXPECT_EQ(state(), R"({"c":3})");
}

TEST_F(UserRecordTest, ASetWithoutATimeLastsForGood) {
  EXPECT_THAT(Set(R"({"a":1})", 500), IsOk());
  EXPECT_THAT(Set(R"({"a":2})"), IsOk());
  now_ms_ = 1'000'000;
  EXPECT_EQ(state(), R"({"a":2})");
}

TEST_F(UserRecordTest, RefusesWhatIsNoSmallJsonObject) {
  for (const std::string& state :
       {std::string(R"([1])"), std::string(R"(null)"), std::string(R"({"a")"),
        std::string("{\"a\":\"\xff\"}"), std::string(),
        absl::StrCat(R"({"a":")", std::string(kUserStateBytesMax, 'x'),
                     R"("})")}) {
    EXPECT_EQ(Set(state).code(), absl::StatusCode::kInvalidArgument) << state;
    EXPECT_EQ(Merge(state).code(), absl::StatusCode::kInvalidArgument);
  }
  std::string deep;
  for (size_t i = 0; i <= kUserStateDepthMax; ++i) deep += R"({"[{":)";
  deep += "1" + std::string(kUserStateDepthMax + 1, '}');
  EXPECT_THAT(Set(deep).message(), HasSubstr("deep"));
  EXPECT_EQ(Set("{}", uint64_t{1} << 62).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Do(proto::UserOperation()).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(ChangeUser(record_, "/", "", "", now_ms_).ok());
  EXPECT_FALSE(ChangeUser(record_, "/", "ann", "\xff", now_ms_).ok());
}

TEST_F(UserRecordTest, AMergeMayNotGrowItBeyondItsBound) {
  const std::string half(kUserStateBytesMax * 2 / 3, 'x');
  EXPECT_THAT(Set(absl::StrCat(R"({"a":")", half, R"("})")), IsOk());
  EXPECT_EQ(Merge(absl::StrCat(R"({"b":")", half, R"("})")).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Merge(absl::StrCat(R"({"a":null,"b":")", half, R"("})")), IsOk());
}

TEST(ParseUserEventTest, ANamespaceMayHoldBrackets) {
  const absl::StatusOr<UserRecord> record = ParseUserEvent(
      R"(2/a[b,["roomlog:user",{"state":{"x":1},"expires":null}])", Offset(1));
  ASSERT_THAT(record.status(), IsOk());
  EXPECT_EQ(record->state, R"({"x":1})");
}

TEST(ParseUserEventTest, RefusesWhatIsNone) {
  for (const char* packet :
       {"", "2", "2[]", R"(2["said",{}])", R"(2["roomlog:user",1])",
        R"(2["roomlog:user",{"state":[]}])",
        R"(2["roomlog:user",{"expires":"x"}])"}) {
    EXPECT_EQ(ParseUserEvent(packet, Offset(1)).status().code(),
              absl::StatusCode::kDataLoss)
        << packet;
  }
}

}  // namespace
}  // namespace roomlog
