#include "node/link/member_questions.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "base/presence_limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class MemberQuestionsTest : public ::testing::Test {
 protected:
  // Its answer is noted as "2 at 7: 3 sockets" or "2 UNAVAILABLE".
  bool Ask(size_t limit = 10) {
    MembersRequest request;
    request.room = *RoomKey::Make("/", "lobby");
    request.what = MembersRequest::What::kUsers;
    request.after = "ann";
    request.limit = limit;
    Backplane::MembersDone done = [this, n = ++asked_](
                                      absl::StatusOr<MembersPage> page) {
      told_.push_back(
          page.ok()
              ? absl::StrCat(n, " at ", page->at.offset.value(), ": ",
                             page->socket_count, " sockets")
              : absl::StrCat(n, " ",
                             absl::StatusCodeToString(page.status().code())));
    };
    return questions_.Add(std::move(request), done);
  }
  std::vector<uint64_t> Sent() {
    std::vector<uint64_t> requests;
    while (const auto question = questions_.TakeNext()) {
      requests.push_back(question->request());
    }
    return requests;
  }
  void Answer(uint64_t request, uint64_t at) {
    proto::Members answer;
    answer.set_request(request);
    answer.set_at(at);
    answer.set_socket_count(3);
    questions_.OnAnswer(answer, absl::OkStatus(), Epoch(1));
  }

  MemberQuestions questions_;
  int asked_ = 0;
  std::vector<std::string> told_;
};

TEST_F(MemberQuestionsTest, AsksWhatItWasAsked) {
  Ask(1'000'000);
  const auto question = questions_.TakeNext();
  ASSERT_TRUE(question.has_value());
  EXPECT_EQ(question->room(), RoomKey::Make("/", "lobby")->text());
  EXPECT_EQ(question->what(), proto::ReadMembers::WHAT_USERS);
  EXPECT_EQ(question->after(), "ann");
  EXPECT_EQ(question->limit(), kMembersPageMax);
}

TEST_F(MemberQuestionsTest, AsksAgainWhatANewSessionHasNotAnswered) {
  Ask();
  Ask();
  EXPECT_THAT(Sent(), ElementsAre(1, 2));
  Answer(2, 7);
  questions_.Restart();
  Answer(1, 7);  // Of the session before: it was not asked in this one.
  EXPECT_THAT(told_, ElementsAre("2 at 7: 3 sockets"));
  EXPECT_THAT(Sent(), ElementsAre(1));
  Answer(1, 9);
  Answer(1, 9);
  EXPECT_THAT(told_, ElementsAre("2 at 7: 3 sockets", "1 at 9: 3 sockets"));
}

TEST_F(MemberQuestionsTest, KeepsWithinItsBounds) {
  for (size_t i = 0; i < kWaitingMemberReadsMax; ++i) ASSERT_TRUE(Ask());
  EXPECT_FALSE(Ask());
  EXPECT_EQ(Sent().size(), kUnansweredReadsMax);
  Answer(1, 1);
  EXPECT_THAT(Sent(), ElementsAre(kUnansweredReadsMax + 1));
}

TEST_F(MemberQuestionsTest, ABrokerThatCannotTellFailsThemAll) {
  Ask();
  Ask();
  Sent();
  questions_.FailAll(absl::UnavailableError("it is older"));
  EXPECT_THAT(told_, ElementsAre("1 UNAVAILABLE", "2 UNAVAILABLE"));
  EXPECT_THAT(Sent(), IsEmpty());
}

}  // namespace
}  // namespace roomlog
