#include "node/link/member_questions.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "base/presence_limits.h"

namespace roomlog {
namespace {

proto::ReadMembers::What WhatOf(MembersRequest::What what) {
  switch (what) {
    case MembersRequest::What::kSockets:
      return proto::ReadMembers::WHAT_SOCKETS;
    case MembersRequest::What::kUsers:
      return proto::ReadMembers::WHAT_USERS;
    case MembersRequest::What::kRooms:
      return proto::ReadMembers::WHAT_ROOMS;
    case MembersRequest::What::kUser:
      return proto::ReadMembers::WHAT_USER;
    case MembersRequest::What::kCounts:
      break;
  }
  return proto::ReadMembers::WHAT_COUNTS;
}

MembersPage PageOf(const proto::Members& answer, Epoch epoch) {
  MembersPage page;
  page.at = {epoch, Offset(answer.at())};
  page.socket_count = answer.socket_count();
  page.user_count = answer.user_count();
  page.more = answer.more();
  page.has_feed = answer.has_feed();
  page.last_seen_ms = static_cast<int64_t>(answer.last_seen_ms());
  for (const proto::Members::Socket& socket : answer.sockets()) {
    page.sockets.push_back({socket.id(), socket.user(), socket.away()});
  }
  for (const proto::Members::User& user : answer.users()) {
    page.users.push_back({user.name(), user.sockets(), user.away()});
  }
  for (const proto::Members::Room& room : answer.rooms()) {
    page.rooms.push_back({room.name(), room.sockets(), room.users()});
  }
  return page;
}

}  // namespace

bool MemberQuestions::Add(MembersRequest request,
                          Backplane::MembersDone& done) {
  if (open_.size() >= kWaitingMemberReadsMax) return false;
  open_.emplace(++last_number_, Open{std::move(request), std::move(done)});
  return true;
}

std::optional<proto::ReadMembers> MemberQuestions::TakeNext() {
  const auto next = open_.upper_bound(last_sent_);
  if (next == open_.end() || unanswered_ >= kUnansweredReadsMax) {
    return std::nullopt;
  }
  last_sent_ = next->first;
  ++unanswered_;
  const MembersRequest& request = next->second.request;
  proto::ReadMembers message;
  message.set_request(next->first);
  message.set_room(request.room.text());
  message.set_what(WhatOf(request.what));
  message.set_after(request.after);
  message.set_user(request.user);
  message.set_limit(
      static_cast<uint32_t>(std::min(request.limit, kMembersPageMax)));
  return message;
}

void MemberQuestions::OnAnswer(const proto::Members& answer,
                               const absl::Status& status, Epoch epoch) {
  if (answer.request() > last_sent_) return;
  auto open = open_.extract(answer.request());
  if (open.empty()) return;
  --unanswered_;
  if (status.ok()) {
    std::move(open.mapped().done)(PageOf(answer, epoch));
  } else {
    std::move(open.mapped().done)(status);
  }
}

void MemberQuestions::Restart() {
  last_sent_ = 0;
  unanswered_ = 0;
}

void MemberQuestions::FailAll(const absl::Status& status) {
  auto open = std::exchange(open_, {});
  Restart();
  for (auto& [number, question] : open) std::move(question.done)(status);
}

}  // namespace roomlog
