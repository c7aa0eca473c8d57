// Questions for members on their way to the broker.
#ifndef ROOMLOG_NODE_LINK_MEMBER_QUESTIONS_H_
#define ROOMLOG_NODE_LINK_MEMBER_QUESTIONS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "absl/status/status.h"
#include "base/ids.h"
#include "node/link/backplane.h"
#include "proto/backplane.pb.h"

namespace roomlog {

// Each is asked until it is answered, in as many sessions as that takes. A part
// of LinkCore, on its thread; `done` is called from within, but by Add().
class MemberQuestions {
 public:
  // False, and `done` untouched, if kWaitingMemberReadsMax wait already.
  bool Add(MembersRequest request, Backplane::MembersDone& done);

  // The next to be sent, if there is one and the broker may have it.
  std::optional<proto::ReadMembers> TakeNext();
  // `status` is the answer's error; `epoch` what its position belongs to.
  void OnAnswer(const proto::Members& answer, const absl::Status& status,
                Epoch epoch);
  // The session is lost: all of them are sent again.
  void Restart();
  void FailAll(const absl::Status& status);

 private:
  struct Open {
    MembersRequest request;
    Backplane::MembersDone done;
  };

  std::map<uint64_t, Open> open_;  // By number, as they came.
  uint64_t last_number_ = 0;
  uint64_t last_sent_ = 0;  // Those up to it were sent in this session.
  size_t unanswered_ = 0;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_LINK_MEMBER_QUESTIONS_H_
