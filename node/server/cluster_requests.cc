#include "node/server/cluster_requests.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "node/socketio/encoded_packet.h"
#include "node/socketio/socketio_limits.h"

namespace roomlog {
namespace {

RemoteSocket FromProto(const proto::Sockets::One& one) {
  RemoteSocket socket;
  socket.id = one.id();
  socket.rooms.assign(one.rooms().begin(), one.rooms().end());
  const absl::StatusOr<Values> data = LoadValues(one.data());
  if (data.ok() && !data->empty()) socket.data = data->front();
  for (const std::string& header : one.headers()) {
    const size_t colon = header.find(": ");
    if (colon == header.npos) continue;
    socket.headers.emplace_back(header.substr(0, colon),
                                header.substr(colon + 2));
  }
  socket.address = one.address();
  socket.url = one.url();
  socket.issued = absl::FromUnixMillis(one.issued_ms());
  socket.secure = one.secure();
  socket.auth = ParseJson(one.auth()).value_or(Value());
  return socket;
}

}  // namespace

ClusterRequests::ClusterRequests(Timers& timers, const Clock& clock)
    : timers_(timers), clock_(clock) {}

uint64_t ClusterRequests::Begin(size_t copies, absl::Duration timeout,
                                Done done) {
  if (open_.size() >= kClusterRequestsMax) {
    std::move(done)(absl::ResourceExhaustedError(
                        "too many requests to the cluster are unanswered"),
                    {});
    return 0;
  }
  const uint64_t id = ++last_id_;
  Open& open = open_[id];
  open.copies = copies;
  open.done = std::move(done);
  open.timer = timers_.At(clock_.Steady() + timeout, [this, id] {
    const Answers& answers = open_.at(id).answers;
    // Socket.IO's own words.
    End(id, absl::DeadlineExceededError(
                answers.clients > 0
                    ? "operation has timed out"
                    : absl::StrCat("timeout reached: only ",
                                   answers.answered - answers.unconcerned,
                                   " responses received out of ",
                                   answers.receivers - answers.unconcerned)));
  });
  return id;
}

void ClusterRequests::OnPublished(uint64_t id,
                                  const absl::StatusOr<PublishAnswer>& answer) {
  const auto found = open_.find(id);
  if (found == open_.end()) return;
  if (!answer.ok()) {
    End(id, answer.status());
    return;
  }
  found->second.answers.receivers += answer->receivers;
  --found->second.copies;
  EndIfComplete(id);
}

void ClusterRequests::OnAnswer(const proto::NodeAnswer& answer) {
  const auto found = open_.find(answer.request());
  if (found == open_.end()) return;  // It came too late.
  Open& open = found->second;
  switch (answer.answer_case()) {
    case proto::NodeAnswer::kClientCount:
      ++open.answers.answered;
      open.answers.clients += answer.client_count().clients();
      break;
    case proto::NodeAnswer::kClientAck: {
      absl::StatusOr<Values> values = LoadValues(answer.client_ack().values());
      ++open.acks;
      open.answers.values.push_back(
          values.ok() && !values->empty() ? values->front() : Value());
      break;
    }
    case proto::NodeAnswer::kSockets:
      if (!answer.sockets().more()) ++open.answers.answered;
      for (const proto::Sockets::One& one : answer.sockets().sockets()) {
        open.answers.sockets.push_back(FromProto(one));
      }
      break;
    case proto::NodeAnswer::kServerSideAnswer: {
      const proto::ServerSideAnswer& server = answer.server_side_answer();
      ++open.answers.answered;
      if (!server.handled()) {
        ++open.answers.unconcerned;
        break;
      }
      absl::StatusOr<Values> values = LoadValues(server.values());
      open.answers.values.push_back(
          values.ok() && !values->empty() ? values->front() : Value());
      break;
    }
    case proto::NodeAnswer::ANSWER_NOT_SET:
      break;
  }
  EndIfComplete(answer.request());
}

void ClusterRequests::EndIfComplete(uint64_t id) {
  const Open& open = open_.at(id);
  if (open.copies == 0 && open.answers.answered >= open.answers.receivers &&
      open.acks >= open.answers.clients) {
    End(id, absl::OkStatus());
  }
}

void ClusterRequests::End(uint64_t id, const absl::Status& status) {
  auto ended = open_.extract(id);
  Open& open = ended.mapped();
  timers_.Cancel(open.timer);
  std::move(open.done)(status, std::move(open.answers));
}

}  // namespace roomlog
