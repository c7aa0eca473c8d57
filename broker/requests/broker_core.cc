#include "broker/requests/broker_core.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <variant>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/presence_limits.h"
#include "base/room_key.h"
#include "proto/event_columns.h"
#include "proto/protocol_version.h"

namespace roomlog {
namespace {

// Pages one node may have in the making. Each has at most kReadBytesMax, and
// they are not counted against its credit until they are sent.
constexpr size_t kReadsAtOncePerNode = 16;

proto::ErrorCode CodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return proto::ERROR_CODE_OK;
    case absl::StatusCode::kInvalidArgument:
      return proto::ERROR_CODE_INVALID;
    case absl::StatusCode::kDataLoss:
      return proto::ERROR_CODE_DATA_LOSS;
    case absl::StatusCode::kOutOfRange:
      return proto::ERROR_CODE_LIMIT;
    case absl::StatusCode::kNotFound:
      return proto::ERROR_CODE_NOT_FOUND;
    case absl::StatusCode::kFailedPrecondition:
      return proto::ERROR_CODE_FENCED;
    default:
      return proto::ERROR_CODE_UNAVAILABLE;
  }
}

void SetError(const absl::Status& status, proto::Error* error) {
  if (status.ok()) return;
  error->set_code(CodeOf(status));
  error->set_message(status.message().data(), status.message().size());
}

std::string PrintablePeer(absl::string_view peer) {
  return absl::BytesToHexString(peer);
}

}  // namespace

BrokerCore::BrokerCore(Epoch epoch, BrokerLimits limits, const Clock& clock,
                       Journal& journal, HistoryReads& reads,
                       Transport& transport, Log log)
    : epoch_(epoch),
      limits_(limits),
      clock_(clock),
      journal_(journal),
      reads_(reads),
      transport_(transport),
      log_(std::move(log)),
      fanout_(*this, limits.recent_commit_bytes_max),
      member_reads_(limits.presence),
      last_tick_(clock.Steady()) {}

void BrokerCore::OnMessage(absl::string_view peer, IncomingMessage message) {
  proto::NodeMessage parsed;
  const absl::string_view header = message.header.view();
  if (header.size() > kMessageBytesMax ||
      message.payload.size() > kMessageBytesMax ||
      !parsed.ParseFromArray(header.data(), static_cast<int>(header.size()))) {
    log_(absl::StrCat("a malformed message came from ", PrintablePeer(peer)));
    Refuse(peer, 0, proto::ERROR_CODE_INVALID, "a malformed message");
    return;
  }
  if (parsed.has_hello()) {
    OnHello(peer, parsed.session(), parsed.hello());
    return;
  }
  const auto it = nodes_by_peer_.find(peer);
  if (it == nodes_by_peer_.end() || it->second->session != parsed.session()) {
    if (!parsed.has_goodbye()) TellUnknown(peer, parsed.session());
    return;
  }
  Node& node = *it->second;
  if (parsed.sequence() <= node.received) return;
  if (parsed.sequence() != node.received + 1) {
    RemoveNode(node.number, "a message of it was lost");
    TellUnknown(peer, parsed.session());
    return;
  }
  node.received = parsed.sequence();
  node.last_heard = clock_.Steady();
  if (parsed.consumed_bytes() > 0) {
    fanout_.SetConsumed(node.number, parsed.consumed_bytes());
    StartReads(node);
    AnswerMemberReads(node);
  }
  switch (parsed.body_case()) {
    case proto::NodeMessage::kPublish:
      OnPublish(node, std::move(*parsed.mutable_publish()),
                std::move(message.payload));
      break;
    case proto::NodeMessage::kEphemeral:
      OnEphemeral(node, std::move(*parsed.mutable_ephemeral()),
                  std::move(message.payload));
      break;
    case proto::NodeMessage::kSubscribe:
      OnSubscribe(node, parsed.subscribe());
      break;
    case proto::NodeMessage::kUnsubscribe:
      OnUnsubscribe(node, parsed.unsubscribe());
      break;
    case proto::NodeMessage::kRead:
      OnRead(node, parsed.read());
      break;
    case proto::NodeMessage::kReadMembers:
      OnReadMembers(node, std::move(*parsed.mutable_read_members()));
      break;
    case proto::NodeMessage::kHeartbeat:
      break;
    case proto::NodeMessage::kGoodbye:
      RemoveNode(node.number, "it said goodbye", Parting::kGoodbye);
      break;
    case proto::NodeMessage::kHello:
    case proto::NodeMessage::BODY_NOT_SET:
      Expel(node, absl::InvalidArgumentError(
                      "a message of a kind that this broker does not know"));
      break;
  }
}

void BrokerCore::OnHello(absl::string_view peer, uint64_t session,
                         const proto::Hello& hello) {
  if (hello.protocol_major() != kProtocolMajor) {
    Refuse(peer, session, proto::ERROR_CODE_VERSION,
           absl::StrCat("this broker speaks protocol ", kProtocolMajor,
                        " and the node speaks ", hello.protocol_major()));
    return;
  }
  if (session == 0 || hello.producer() == 0 || hello.node_name().empty() ||
      hello.node_name().size() > kRoomNameBytesMax ||
      hello.delivery_credit_bytes() < kMessageBytesMax ||
      hello.delivery_credit_bytes() > kDeliveryCreditBytes) {
    Refuse(peer, session, proto::ERROR_CODE_INVALID,
           "the greeting lacks a session, a producer, a name or a credit "
           "within bounds");
    return;
  }
  const auto it = nodes_by_peer_.find(peer);
  Node* node = it == nodes_by_peer_.end() ? nullptr : it->second;
  if (node == nullptr || node->session != session) {
    if (node != nullptr) RemoveNode(node->number, "it greeted again");
    if (nodes_by_number_.size() >= limits_.nodes_max) {
      Refuse(peer, session, proto::ERROR_CODE_LIMIT,
             absl::StrCat("this broker has its ", limits_.nodes_max,
                          " nodes already"));
      return;
    }
    last_number_ = last_number_.Next();
    auto added = std::make_unique<Node>();
    node = added.get();
    node->number = last_number_;
    node->peer = std::string(peer);
    node->name = hello.node_name();
    node->session = session;
    node->producer = ProducerId(hello.producer());
    nodes_by_peer_[node->peer] = node;
    nodes_by_number_[node->number] = std::move(added);
    fanout_.AddNode(node->number, hello.delivery_credit_bytes());
    log_(absl::StrCat("node ", absl::CHexEscape(node->name), " is here (",
                      nodes_by_number_.size(), " in all)"));
  }
  node->last_heard = clock_.Steady();
  // It may have been gone in an earlier life of the broker.
  absent_owners_.erase(node->producer);
  NoteOwner(OwnerBack{node->producer});
  proto::BrokerMessage answer;
  proto::Welcome* const welcome = answer.mutable_welcome();
  welcome->set_protocol_major(kProtocolMajor);
  welcome->set_protocol_minor(kProtocolMinor);
  welcome->set_epoch(epoch_.value());
  welcome->set_publish_credit(kUnansweredPublishesMax);
  welcome->set_publish_credit_bytes(kUnansweredBytesMax);
  if (!publishing_.ok()) {
    welcome->set_publishing_stopped(publishing_.ToString());
  }
  answer.set_session(session);
  Send(peer, answer, {});
}

void BrokerCore::OnPublish(Node& node, proto::Publish publish,
                           SharedBytes packets) {
  auto batch = ParsePublishBatch(node.number, node.producer, std::move(publish),
                                 std::move(packets));
  if (!batch.ok()) {
    Expel(node, batch.status());
    return;
  }
  if (TakeCredit(node, **batch)) Submit(*std::move(batch));
}

void BrokerCore::OnEphemeral(Node& node, proto::Ephemeral ephemeral,
                             SharedBytes packets) {
  auto batch = ParseEphemeralBatch(node.number, std::move(ephemeral),
                                   std::move(packets));
  if (!batch.ok()) {
    Expel(node, batch.status());
  } else if (TakeCredit(node, **batch)) {
    Submit(*std::move(batch));
  }
}

bool BrokerCore::TakeCredit(Node& node, const PublishBatch& batch) {
  node.unanswered_publishes += batch.events.size();
  node.unanswered_bytes += batch.packets.size();
  if (node.unanswered_publishes <= kUnansweredPublishesMax &&
      node.unanswered_bytes <= kUnansweredBytesMax + kMessageBytesMax) {
    return true;
  }
  Expel(node, absl::OutOfRangeError(
                  "more publishes unanswered than its credit allows"));
  return false;
}

void BrokerCore::OnSubscribe(Node& node, const proto::Subscribe& subscribe) {
  std::vector<absl::string_view> names;
  const absl::Status status = ReadRoomNames(subscribe.rooms(), &names);
  const size_t count = names.size();
  if (!status.ok() || count > kRoomsPerMessageMax ||
      static_cast<size_t>(subscribe.handles_size()) != count) {
    Expel(node, absl::InvalidArgumentError("a malformed subscription"));
    return;
  }
  if (fanout_.subscription_count(node.number) + node.inquired.size() + count >
      limits_.rooms_per_node_max) {
    proto::BrokerMessage answer;
    *answer.mutable_subscribed()->mutable_failed_handles() =
        subscribe.handles();
    SetError(absl::OutOfRangeError(absl::StrCat(
                 "a node may hold ", limits_.rooms_per_node_max, " rooms")),
             answer.mutable_subscribed()->mutable_error());
    SendTo(node, std::move(answer));
    return;
  }
  RoomInquiry inquiry;
  inquiry.node = node.number;
  for (size_t i = 0; i < count; ++i) {
    const RoomHandle handle(subscribe.handles(static_cast<int>(i)));
    if (fanout_.Holds(node.number, handle) ||
        !node.inquired.emplace(handle, false).second) {
      Expel(node, absl::InvalidArgumentError("a handle that is in use"));
      return;
    }
    inquiry.handles.push_back(handle);
    inquiry.rooms.emplace_back(names[i]);
  }
  Submit(std::move(inquiry));
}

void BrokerCore::OnUnsubscribe(Node& node,
                               const proto::Unsubscribe& unsubscribe) {
  std::vector<RoomId> released;
  for (const uint32_t number : unsubscribe.handles()) {
    const RoomHandle handle(number);
    if (const auto it = node.inquired.find(handle); it != node.inquired.end()) {
      it->second = true;
    } else if (std::optional<RoomId> room =
                   fanout_.Unsubscribe(node.number, handle)) {
      released.push_back(*room);
    }
  }
  ReleaseRooms(std::move(released));
}

void BrokerCore::OnRead(Node& node, const proto::Read& read) {
  absl::StatusOr<RoomKey> room = RoomKey::Parse(read.room());
  if (!room.ok()) {
    AnswerRead(node, read.request(), room.status());
    return;
  }
  if (node.waiting_reads.size() >= kUnansweredReadsMax) {
    AnswerRead(node, read.request(),
               absl::OutOfRangeError("too many reads wait already"));
    return;
  }
  HistoryRead task;
  task.node = node.number;
  task.request = read.request();
  task.query.room = *std::move(room);
  task.query.direction = read.backward() ? ReadQuery::Direction::kNewestFirst
                                         : ReadQuery::Direction::kOldestFirst;
  task.query.after = Offset(read.after());
  task.query.before =
      read.before() == 0 ? kNoUpperBound : Offset(read.before());
  task.query.since_ms = read.since_ms();
  task.query.events_max = std::min<size_t>(read.limit(), kReadEventsMax);
  task.query.bytes_max = kReadBytesMax;
  task.query.now_ms = absl::ToUnixMillis(clock_.Now());
  node.waiting_reads.push_back(std::move(task));
  StartReads(node);
}

void BrokerCore::StartReads(Node& node) {
  while (!node.waiting_reads.empty() && node.reading < kReadsAtOncePerNode &&
         fanout_.HasCredit(node.number)) {
    const uint64_t request = node.waiting_reads.front().request;
    const bool taken = reads_.Submit(std::move(node.waiting_reads.front()));
    node.waiting_reads.pop_front();
    if (taken) {
      ++node.reading;
    } else {
      AnswerRead(node, request,
                 absl::UnavailableError("too many reads wait already"));
    }
  }
}

void BrokerCore::OnReadDone(HistoryReadDone done) {
  Node* const node = FindNode(done.node);
  if (node == nullptr) return;
  --node->reading;
  AnswerRead(*node, done.request, done.page);
  StartReads(*node);
}

void BrokerCore::AnswerRead(Node& node, uint64_t request,
                            const absl::StatusOr<ReadPage>& page) {
  proto::BrokerMessage answer;
  proto::ReadAnswer* const read = answer.mutable_read_answer();
  read->set_request(request);
  std::string packets;
  if (page.ok()) {
    EventColumnsWriter writer({.offsets = true, .previous = true},
                              read->mutable_events());
    for (const EventView& event : page->events) {
      writer.Add(event);
      packets.append(event.packet.data(), event.packet.size());
    }
    read->set_trimmed_through(page->trimmed_through.value());
    read->set_head(page->head.value());
    read->set_more(page->more);
  } else {
    SetError(page.status(), read->mutable_error());
    if (absl::IsDataLoss(page.status())) {
      log_(absl::StrCat("DAMAGE: ", page.status().ToString()));
    }
  }
  fanout_.UseCredit(node.number,
                    SendTo(node, std::move(answer), std::move(packets)));
}

void BrokerCore::OnReadMembers(Node& node, proto::ReadMembers read) {
  if (node.waiting_member_reads.size() >= kUnansweredReadsMax) {
    Expel(node, absl::OutOfRangeError(
                    "more questions for members unanswered than it may have"));
    return;
  }
  node.waiting_member_reads.push_back(std::move(read));
  AnswerMemberReads(node);
}

void BrokerCore::AnswerMemberReads(Node& node) {
  if (node.waiting_member_reads.empty()) return;
  const absl::flat_hash_set<ProducerId> heard = HeardOwners();
  while (!node.waiting_member_reads.empty() && member_reads_.is_complete() &&
         fanout_.HasCredit(node.number)) {
    proto::BrokerMessage answer;
    *answer.mutable_members() = member_reads_.Answer(
        node.waiting_member_reads.front(),
        [&](ProducerId owner) { return !heard.contains(owner); });
    node.waiting_member_reads.pop_front();
    fanout_.UseCredit(node.number, SendTo(node, std::move(answer)));
  }
}

void BrokerCore::OnMembersChanged(const MembersChanged& changed) {
  const bool was_complete = member_reads_.is_complete();
  member_reads_.OnMembersChanged(changed);
  if (was_complete) return;
  for (const auto& [number, node] : nodes_by_number_) AnswerMemberReads(*node);
}

void BrokerCore::OnJournalResult(JournalResult result) {
  if (const auto* commit =
          std::get_if<std::shared_ptr<const Commit>>(&result)) {
    OnCommit(*commit);
  } else if (const auto* found = std::get_if<RoomsFound>(&result)) {
    OnRoomsFound(*found);
  } else if (const auto* owners = std::get_if<OwnersFound>(&result)) {
    OnOwnersFound(*owners);
  } else if (const auto* members = std::get_if<MembersChanged>(&result)) {
    OnMembersChanged(*members);
  } else {
    OnPublishingState(std::get<PublishingState>(result));
  }
}

void BrokerCore::OnCommit(const std::shared_ptr<const Commit>& commit) {
  for (const BatchAnswer& answer : commit->answers) {
    Node* const node = FindNode(answer.node);
    if (node == nullptr) continue;
    node->unanswered_publishes -=
        std::min<size_t>(node->unanswered_publishes, answer.events);
    node->unanswered_bytes -= std::min(node->unanswered_bytes, answer.bytes);
    if (answer.ephemeral_request != 0) {
      AnswerEphemeral(*node, answer);
      continue;
    }
    if (answer.expected != PublishNumber()) {
      proto::BrokerMessage message;
      message.mutable_publish_out_of_order()->set_expected_number(
          answer.expected.value());
      SendTo(*node, std::move(message));
      continue;
    }
    if (node->answers.runs_size() == 0) {
      nodes_with_answers_.push_back(node->number);
    }
    for (const PublishedRun& run : answer.runs) {
      proto::Published::Run* const out = node->answers.add_runs();
      out->set_first_number(run.first_number.value());
      out->set_count(run.count);
      out->set_first_offset(run.first_offset.value());
      out->set_duplicate(run.duplicate);
      if (!run.status.ok()) SetError(run.status, out->mutable_error());
      if (run.session.empty()) continue;
      out->set_session(run.session);
      // Sessions may be large, and a message has a bound.
      node->session_bytes += run.session.size();
      if (node->session_bytes > kMessageBytesMax / 2) SendAnswers(*node);
    }
  }
  fanout_.Add(commit);
}

void BrokerCore::AnswerEphemeral(Node& node, const BatchAnswer& answer) {
  proto::BrokerMessage message;
  proto::EphemeralAnswer* const out = message.mutable_ephemeral_answer();
  out->set_request(answer.ephemeral_request);
  for (const RoomId room : answer.ephemeral_rooms) {
    out->add_receivers(static_cast<uint32_t>(fanout_.holder_count(room)));
  }
  if (!answer.ephemeral_status.ok()) {
    SetError(answer.ephemeral_status, out->mutable_error());
  }
  SendTo(node, std::move(message));
}

void BrokerCore::OnRoomsFound(const RoomsFound& found) {
  Node* const node = FindNode(found.node);
  std::vector<RoomId> released;
  proto::BrokerMessage answer;
  proto::Subscribed* const subscribed = answer.mutable_subscribed();
  for (const RoomsFound::Room& room : found.rooms) {
    const auto inquired = node == nullptr ? decltype(node->inquired)::iterator()
                                          : node->inquired.find(room.handle);
    const bool wanted = node != nullptr && inquired != node->inquired.end() &&
                        !inquired->second;
    if (node != nullptr && inquired != node->inquired.end()) {
      node->inquired.erase(inquired);
    }
    const uint32_t handle = static_cast<uint32_t>(room.handle.value());
    if (!room.status.ok()) {
      if (!wanted) continue;
      subscribed->add_failed_handles(handle);
      SetError(room.status, subscribed->mutable_error());
    } else if (!wanted || !fanout_.Subscribe(node->number, room.handle,
                                             room.head.id, room.head.head)) {
      released.push_back(room.head.id);
    } else {
      subscribed->add_handles(handle);
      subscribed->add_heads(room.head.head.value());
    }
  }
  if (subscribed->handles_size() > 0 || subscribed->failed_handles_size() > 0) {
    SendTo(*node, std::move(answer));
  }
  ReleaseRooms(std::move(released));
}

void BrokerCore::OnPublishingState(const PublishingState& state) {
  if (state.status == publishing_) return;
  publishing_ = state.status;
  log_(publishing_.ok()
           ? std::string("publishing goes on")
           : absl::StrCat("PUBLISHING HAS STOPPED: ", publishing_.ToString()));
  for (const auto& [number, node] : nodes_by_number_) SendHeartbeat(*node);
}

void BrokerCore::EndTurn() {
  if (waiting_entry_.has_value() &&
      journal_.Submit(std::move(*waiting_entry_))) {
    waiting_entry_.reset();
  }
  SubmitOwners();
  std::vector<RoomId> released;
  fanout_.SendOn(&released);
  ReleaseRooms(std::move(released));
  for (const NodeNumber number : nodes_with_answers_) {
    Node* const node = FindNode(number);
    if (node != nullptr) SendAnswers(*node);
  }
  nodes_with_answers_.clear();
}

void BrokerCore::SendAnswers(Node& node) {
  if (node.answers.runs_size() == 0) return;
  proto::BrokerMessage message;
  message.mutable_published()->Swap(&node.answers);
  node.answers.Clear();
  node.session_bytes = 0;
  SendTo(node, std::move(message));
}

void BrokerCore::OnTick() {
  const absl::Duration now = clock_.Steady();
  // Whoever did not listen cannot say that nobody spoke.
  const bool was_deaf =
      !ready_for_messages() || now - last_tick_ > limits_.node_lease / 2;
  last_tick_ = now;
  std::vector<NodeNumber> gone;
  for (const auto& [number, node] : nodes_by_number_) {
    if (was_deaf) node->last_heard = now;
    if (now - node->last_heard > limits_.node_lease) {
      gone.push_back(number);
    } else if (now - node->last_sent >= kHeartbeatInterval) {
      SendHeartbeat(*node);
    }
  }
  for (const NodeNumber number : gone) {
    RemoveNode(number,
               absl::StrCat("it was silent for ",
                            absl::FormatDuration(limits_.node_lease)),
               Parting::kLeaseOver);
  }
  for (auto it = absent_owners_.begin(); it != absent_owners_.end();) {
    if (was_deaf) it->second = now;
    if (now - it->second > limits_.node_lease) {
      waiting_owners_.push_back(OwnerGone{it->first});
      absent_owners_.erase(it++);
    } else {
      ++it;
    }
  }
  SubmitOwners();
}

void BrokerCore::SendHeartbeat(Node& node) {
  proto::BrokerMessage message;
  proto::BrokerHeartbeat* const heartbeat = message.mutable_heartbeat();
  if (is_closing_) {
    heartbeat->set_publishing_stopped("the broker is closing");
  } else if (!publishing_.ok()) {
    heartbeat->set_publishing_stopped(publishing_.ToString());
  }
  SendTo(node, std::move(message));
}

void BrokerCore::BeginClosing() {
  is_closing_ = true;
  for (const auto& [number, node] : nodes_by_number_) SendHeartbeat(*node);
}

void BrokerCore::Close() {
  for (const auto& [number, node] : nodes_by_number_) {
    proto::BrokerMessage message;
    message.mutable_closed();
    SendTo(*node, std::move(message));
  }
  nodes_by_peer_.clear();
  nodes_by_number_.clear();
}

size_t BrokerCore::Deliver(NodeNumber number, proto::EventColumns events,
                           std::string packets) {
  Node* const node = FindNode(number);
  if (node == nullptr) return 0;
  proto::BrokerMessage message;
  *message.mutable_delivery()->mutable_events() = std::move(events);
  return SendTo(*node, std::move(message), std::move(packets));
}

void BrokerCore::TellLagging(NodeNumber number) {
  Node* const node = FindNode(number);
  if (node == nullptr) return;
  log_(absl::StrCat("node ", absl::CHexEscape(node->name),
                    " lags and must read on from the log"));
  for (auto& [handle, given_up] : node->inquired) given_up = true;
  proto::BrokerMessage message;
  message.mutable_lagging();
  SendTo(*node, std::move(message));
}

bool BrokerCore::HasNodeOf(ProducerId producer) const {
  return std::any_of(
      nodes_by_number_.begin(), nodes_by_number_.end(),
      [&](const auto& entry) { return entry.second->producer == producer; });
}

absl::flat_hash_set<ProducerId> BrokerCore::HeardOwners() const {
  const absl::Duration now = clock_.Steady();
  absl::flat_hash_set<ProducerId> heard;
  for (const auto& [number, node] : nodes_by_number_) {
    if (now - node->last_heard <= kNodeSilenceAway) {
      heard.insert(node->producer);
    }
  }
  return heard;
}

void BrokerCore::OnOwnersFound(const OwnersFound& found) {
  for (const ProducerId owner : found.owners) {
    if (!HasNodeOf(owner)) absent_owners_[owner] = clock_.Steady();
  }
}

void BrokerCore::NoteOwner(JournalEntry entry) {
  waiting_owners_.push_back(std::move(entry));
  SubmitOwners();
}

void BrokerCore::SubmitOwners() {
  while (!waiting_owners_.empty() && !waiting_entry_.has_value()) {
    JournalEntry entry = std::move(waiting_owners_.front());
    waiting_owners_.pop_front();
    Submit(std::move(entry));
  }
}

void BrokerCore::RemoveNode(NodeNumber number, absl::string_view why,
                            Parting parting) {
  const auto it = nodes_by_number_.find(number);
  if (it == nodes_by_number_.end()) return;
  const std::unique_ptr<Node> node = std::move(it->second);
  nodes_by_number_.erase(it);
  nodes_by_peer_.erase(node->peer);
  ReleaseRooms(fanout_.RemoveNode(number));
  // One that greeted again or was cut off has its lease to come back.
  if (!HasNodeOf(node->producer)) {
    if (parting == Parting::kMayReturn) {
      absent_owners_[node->producer] = clock_.Steady();
    } else {
      NoteOwner(OwnerGone{node->producer, parting == Parting::kGoodbye});
    }
  }
  log_(absl::StrCat("node ", absl::CHexEscape(node->name), " is gone: ", why,
                    " (", nodes_by_number_.size(), " in all)"));
}

void BrokerCore::Expel(Node& node, const absl::Status& why) {
  const std::string peer = node.peer;
  const uint64_t session = node.session;
  RemoveNode(node.number, why.message());
  Refuse(peer, session, CodeOf(why), why.message());
}

void BrokerCore::Submit(JournalEntry entry) {
  if (!journal_.Submit(std::move(entry))) waiting_entry_ = std::move(entry);
}

void BrokerCore::ReleaseRooms(std::vector<RoomId> rooms) {
  waiting_releases_.insert(waiting_releases_.end(), rooms.begin(), rooms.end());
  if (waiting_releases_.empty() || waiting_entry_.has_value()) return;
  Submit(RoomRelease{std::move(waiting_releases_)});
  waiting_releases_.clear();
}

size_t BrokerCore::SendTo(Node& node, proto::BrokerMessage message,
                          std::string payload) {
  message.set_session(node.session);
  message.set_sequence(++node.sent);
  node.last_sent = clock_.Steady();
  return Send(node.peer, message, std::move(payload));
}

void BrokerCore::TellUnknown(absl::string_view peer, uint64_t session) {
  proto::BrokerMessage message;
  message.set_session(session);
  message.mutable_unknown();
  Send(peer, message, {});
}

size_t BrokerCore::Send(absl::string_view peer,
                        const proto::BrokerMessage& message,
                        std::string payload) {
  OutgoingMessage outgoing;
  message.SerializeToString(&outgoing.header);
  outgoing.payload = std::move(payload);
  const size_t bytes = outgoing.header.size() + outgoing.payload.size();
  transport_.Send(peer, std::move(outgoing));
  return bytes;
}

void BrokerCore::Refuse(absl::string_view peer, uint64_t session,
                        proto::ErrorCode code, absl::string_view text) {
  proto::BrokerMessage message;
  message.set_session(session);
  proto::Error* const error = message.mutable_refused()->mutable_error();
  error->set_code(code);
  error->set_message(text.data(), text.size());
  Send(peer, message, {});
}

BrokerCore::Node* BrokerCore::FindNode(NodeNumber number) {
  const auto it = nodes_by_number_.find(number);
  return it == nodes_by_number_.end() ? nullptr : it->second.get();
}

}  // namespace roomlog
