#include "node/link/link_core.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "proto/event_columns.h"
#include "proto/events.pb.h"
#include "proto/protocol_version.h"

namespace roomlog {
namespace {

// A publish message is cut at this much, so that the broker can work on one
// while the next is on its way.
constexpr size_t kPublishEventsEnough = 1024;
constexpr size_t kPublishBytesEnough = size_t{1} << 20;
static_assert(kPublishBytesEnough + kPacketBytesMax < kMessageBytesMax);
static_assert(kPublishEventsEnough <= kEventsPerMessageMax);

// Rooms that the link catches up on at a time.
constexpr size_t kCatchUpsAtOnce = 16;

absl::Status ToStatus(const proto::Error& error) {
  switch (error.code()) {
    case proto::ERROR_CODE_OK:
      return absl::OkStatus();
    case proto::ERROR_CODE_INVALID:
      return absl::InvalidArgumentError(error.message());
    case proto::ERROR_CODE_LIMIT:
      return absl::ResourceExhaustedError(error.message());
    case proto::ERROR_CODE_NOT_FOUND:
      return absl::NotFoundError(error.message());
    case proto::ERROR_CODE_FENCED:
      return absl::FailedPreconditionError(error.message());
    case proto::ERROR_CODE_DATA_LOSS:
      return absl::DataLossError(error.message());
    default:
      return absl::UnavailableError(error.message());
  }
}

}  // namespace

LinkCore::LinkCore(LinkOptions options, const Clock& clock,
                   Transport& transport, RoomFollower& follower, Log log)
    : options_(std::move(options)),
      clock_(clock),
      transport_(transport),
      log_(std::move(log)),
      rooms_(follower, options_.held_bytes_max),
      session_(options_.first_session),
      broker_status_(absl::UnavailableError("the broker was not reached yet")),
      last_heard_(clock.Steady()),
      last_sent_(clock.Steady()),
      last_greeting_(-absl::InfiniteDuration()) {}

LinkCore::~LinkCore() = default;

// ---- What the node asks for ----

void LinkCore::Publish(PublishRequest request, PublishDone done) {
  const size_t bytes = request.packet.size() + request.id.size();
  absl::Status refused;
  if (request.packet.empty() || request.packet.size() > kPacketBytesMax) {
    refused = absl::InvalidArgumentError(
        absl::StrCat("a packet of ", request.packet.size(), " bytes"));
  } else if (request.id.size() > kPublishIdBytesMax) {
    refused = absl::InvalidArgumentError(
        absl::StrCat("a publish id of ", request.id.size(), " bytes"));
  } else if ((request.flags & proto::EVENT_FLAG_USER) != 0 && welcome_ &&
             broker_minor_ < kProtocolMinorOfUsers) {
    refused = absl::UnavailableError("the broker is older and keeps no users");
  } else if (publishes_.size() + ephemeral_.open_events() >=
                 kQueuedPublishesMax ||
             queued_publish_bytes_ + ephemeral_.open_bytes() + bytes >
                 kQueuedPublishBytesMax) {
    refused =
        welcome_
            ? absl::ResourceExhaustedError(
                  "too many publishes wait for the broker")
            : absl::UnavailableError(absl::StrCat(
                  "too many publishes wait, and ", broker_status_.message()));
  }
  if (!refused.ok()) {
    refused_.push_back([done = std::move(done), refused]() mutable {
      std::move(done)(refused);
    });
    return;
  }
  const absl::Duration deadline = clock_.Steady() + options_.publish_timeout;
  if ((request.flags & proto::EVENT_FLAG_EPHEMERAL) != 0) {
    request.id.clear();  // There is nothing that it could be compared with.
    ephemeral_.Add(std::move(request), std::move(done),
                   first_number_ + publishes_.size(), deadline);
    return;
  }
  OpenPublish publish;
  publish.done = std::move(done);
  publish.request = std::move(request);
  publish.deadline = deadline;
  queued_publish_bytes_ += bytes;
  publishes_.push_back(std::move(publish));
}

RoomHandle LinkCore::Follow(const RoomKey& room) {
  last_handle_ = last_handle_.Next();
  FollowAs(last_handle_, room);
  return last_handle_;
}

void LinkCore::FollowAs(RoomHandle handle, const RoomKey& room) {
  followed_.emplace(handle, FollowedRoom{room});
  to_subscribe_.push_back(handle);
}

void LinkCore::Unfollow(RoomHandle handle) {
  const auto it = followed_.find(handle);
  if (it == followed_.end()) return;
  if (it->second.wire_handle != 0) {
    by_wire_handle_.erase(it->second.wire_handle);
    to_unsubscribe_.push_back(it->second.wire_handle);
  }
  followed_.erase(it);
  rooms_.End(handle);
}

void LinkCore::Read(HistoryRequest request, ReadDone done) {
  if (reads_.size() >= kWaitingReadsMax) {
    refused_.push_back([done = std::move(done)]() mutable {
      std::move(done)(absl::UnavailableError("too many reads wait already"));
    });
    return;
  }
  OpenRead read;
  read.request = std::move(request);
  read.done = std::move(done);
  reads_.emplace(++last_read_, std::move(read));
  reads_to_send_.push_back(last_read_);
}

void LinkCore::ReadMembers(MembersRequest request, MembersDone done) {
  if (member_questions_.Add(std::move(request), done)) return;
  refused_.push_back([done = std::move(done)]() mutable {
    std::move(done)(
        absl::UnavailableError("too many questions for members wait already"));
  });
}

absl::Status LinkCore::health() const {
  if (!welcome_) return broker_status_;
  if (!publishing_stopped_.empty()) {
    return absl::UnavailableError(publishing_stopped_);
  }
  return absl::OkStatus();
}

// ---- What the broker says ----

void LinkCore::OnMessage(IncomingMessage message) {
  proto::BrokerMessage parsed;
  const absl::string_view header = message.header.view();
  if (header.size() > std::numeric_limits<int>::max() ||
      !parsed.ParseFromArray(header.data(), static_cast<int>(header.size()))) {
    Protest(absl::InvalidArgumentError("a malformed message"));
    return;
  }
  if (parsed.session() != session_ || closed_) return;
  if (parsed.has_welcome()) {
    if (!welcome_) OnWelcome(parsed.welcome());
    return;
  }
  if (parsed.has_refused()) {
    LoseSession(absl::StrCat("the broker refuses this node: ",
                             parsed.refused().error().message()));
    return;
  }
  if (parsed.has_unknown()) {
    if (welcome_) LoseSession("the broker does not know this node any more");
    return;
  }
  if (!welcome_ || parsed.sequence() <= received_) return;
  if (parsed.sequence() != received_ + 1) {
    LoseSession("a message of the broker was lost");
    return;
  }
  received_ = parsed.sequence();
  last_heard_ = clock_.Steady();
  if (parsed.has_delivery() || parsed.has_read_answer() ||
      parsed.has_members()) {
    consumed_bytes_ += header.size() + message.payload.size();
  }
  switch (parsed.body_case()) {
    case proto::BrokerMessage::kPublished:
      OnPublished(parsed.published());
      break;
    case proto::BrokerMessage::kSubscribed:
      OnSubscribed(parsed.subscribed());
      break;
    case proto::BrokerMessage::kDelivery:
      OnDelivery(parsed.delivery(), std::move(message.payload));
      break;
    case proto::BrokerMessage::kReadAnswer:
      OnReadAnswer(parsed.read_answer(), std::move(message.payload));
      break;
    case proto::BrokerMessage::kMembers:
      member_questions_.OnAnswer(parsed.members(),
                                 ToStatus(parsed.members().error()), epoch_);
      break;
    case proto::BrokerMessage::kEphemeralAnswer:
      OnEphemeralAnswer(parsed.ephemeral_answer());
      break;
    case proto::BrokerMessage::kHeartbeat:
      publishing_stopped_ = parsed.heartbeat().publishing_stopped();
      break;
    case proto::BrokerMessage::kLagging:
      OnLagging();
      break;
    case proto::BrokerMessage::kClosed:
      LoseSession("the broker has closed");
      break;
    case proto::BrokerMessage::kPublishOutOfOrder:
      OnOutOfOrder(parsed.publish_out_of_order().expected_number());
      break;
    default:
      // A newer broker may say things that an older node can do without.
      break;
  }
}

void LinkCore::OnWelcome(const proto::Welcome& welcome) {
  welcome_ = true;
  broker_status_ = absl::OkStatus();
  publishing_stopped_ = welcome.publishing_stopped();
  broker_minor_ = welcome.protocol_minor();
  publish_credit_ = welcome.publish_credit();
  publish_credit_bytes_ = welcome.publish_credit_bytes();
  last_heard_ = clock_.Steady();
  const Epoch epoch(welcome.epoch());
  if (epoch_ != Epoch() && epoch_ != epoch) {
    log_(
        "the broker's log has begun a new life: what was there before is lost");
    rooms_.ChangeEpoch();
  }
  epoch_ = epoch;
  log_("the broker is there");
  SubscribeAll();
  reads_to_send_.clear();
  for (auto& [number, read] : reads_) {
    read.sent = false;
    reads_to_send_.push_back(number);
  }
}

void LinkCore::OnPublished(const proto::Published& published) {
  for (const proto::Published::Run& run : published.runs()) {
    const absl::Status status = ToStatus(run.error());
    for (uint64_t i = 0; i < run.count(); ++i) {
      const uint64_t number = run.first_number() + i;
      if (number < first_number_) {
        DropGivenUp(number);
        continue;
      }
      const uint64_t index = number - first_number_;
      if (index >= sent_publishes_) {
        Protest(
            absl::InvalidArgumentError("an answer to what was not published"));
        return;
      }
      if (status.ok()) {
        PublishAnswer answer;
        answer.position = {epoch_, Offset(run.first_offset() + i)};
        answer.duplicate = run.duplicate();
        answer.session = run.session();
        Answer(&publishes_[index], std::move(answer));
      } else {
        Answer(&publishes_[index], status);
      }
    }
  }
  DropAnswered();
}

void LinkCore::OnSubscribed(const proto::Subscribed& subscribed) {
  if (subscribed.handles_size() != subscribed.heads_size()) {
    Protest(absl::InvalidArgumentError("a malformed answer to a subscription"));
    return;
  }
  for (int i = 0; i < subscribed.handles_size(); ++i) {
    const auto it = by_wire_handle_.find(subscribed.handles(i));
    if (it == by_wire_handle_.end()) continue;  // It was unfollowed.
    const Position head{epoch_, Offset(subscribed.heads(i))};
    if (rooms_.contains(it->second)) {
      rooms_.Resume(it->second, head);
    } else {
      rooms_.Begin(it->second, head);
    }
  }
  const absl::Status status = ToStatus(subscribed.error());
  for (const uint32_t wire_handle : subscribed.failed_handles()) {
    const auto it = by_wire_handle_.find(wire_handle);
    if (it == by_wire_handle_.end()) continue;
    const RoomHandle handle = it->second;
    by_wire_handle_.erase(it);
    followed_.erase(handle);
    rooms_.Fail(handle, status);
  }
}

void LinkCore::OnDelivery(const proto::Delivery& delivery,
                          SharedBytes packets) {
  std::vector<EventView> views;
  const absl::Status status =
      ReadEventColumns(delivery.events(), packets.view(), &views);
  if (!status.ok()) {
    Protest(status);
    return;
  }
  // Ids lie in the header, which does not outlive this call.
  SharedBytes ids;
  if (!delivery.events().ids().empty()) {
    ids = SharedBytes(std::string(delivery.events().ids()));
  }
  size_t ids_used = 0;
  std::vector<RoomEvent> events;
  events.reserve(views.size());
  const auto both =
      ids.size() == 0
          ? nullptr
          : std::make_shared<std::pair<SharedBytes, SharedBytes>>(packets, ids);
  for (EventView& view : views) {
    if (!view.id.empty()) {
      view.id = ids.view().substr(ids_used, view.id.size());
      ids_used += view.id.size();
    }
    const auto it = by_wire_handle_.find(view.room);
    if (it == by_wire_handle_.end()) continue;  // It was unfollowed.
    if (both == nullptr) {
      events.push_back({it->second, view, packets});
    } else {
      events.push_back({it->second, view, SharedBytes(view.packet, both)});
    }
  }
  rooms_.OnLive(std::move(events));
}

void LinkCore::OnReadAnswer(const proto::ReadAnswer& answer,
                            SharedBytes packets) {
  const auto it = reads_.find(answer.request());
  if (it == reads_.end() || !it->second.sent) return;
  ReadDone done = std::move(it->second.done);
  reads_.erase(it);
  --reads_sent_;
  if (answer.has_error()) {
    std::move(done)(ToStatus(answer.error()));
    return;
  }
  HistoryPage page;
  page.epoch = epoch_;
  auto columns = std::make_shared<proto::EventColumns>(answer.events());
  page.bytes.push_back(packets);
  absl::Status status =
      ReadEventColumns(*columns, packets.view(), &page.events);
  if (!status.ok()) {
    Protest(status);
    std::move(done)(absl::UnavailableError(status.message()));
    return;
  }
  page.bytes.push_back(SharedBytes(columns->ids(), columns));
  page.trimmed_through = Offset(answer.trimmed_through());
  page.head = Offset(answer.head());
  page.more = answer.more();
  std::move(done)(std::move(page));
}

void LinkCore::OnEphemeralAnswer(const proto::EphemeralAnswer& answer) {
  if (!ephemeral_.OnAnswer(answer, ToStatus(answer.error()))) {
    Protest(
        absl::InvalidArgumentError("an answer to what was not handed to it"));
  }
}

void LinkCore::OnOutOfOrder(uint64_t expected) {
  if (expected < first_number_ || expected - first_number_ > sent_publishes_) {
    // What the broker expects was given up here, or never sent.
    LoseSession("the broker expects publishes that this node does not have");
    return;
  }
  DropGivenUp(expected);  // The broker has heard of them, or never will.
  sent_publishes_ = expected - first_number_;
  sent_publish_bytes_ = 0;
  for (size_t i = 0; i < sent_publishes_; ++i) {
    sent_publish_bytes_ += publishes_[i].request.packet.size();
  }
}

void LinkCore::OnLagging() {
  log_("this node lagged behind the broker and catches up from the log");
  SubscribeAll();
}

void LinkCore::LoseSession(absl::string_view why) {
  if (welcome_ || why != broker_status_.message()) {
    log_(absl::StrCat("there is no link to the broker: ", why));
  }
  broker_status_ = absl::UnavailableError(why);
  if (welcome_) rooms_.Suspend();
  welcome_ = false;
  ++session_;
  sent_ = received_ = 0;
  consumed_bytes_ = reported_bytes_ = 0;
  sent_publishes_ = sent_publish_bytes_ = 0;
  given_up_.clear();
  given_up_bytes_ = 0;
  ephemeral_.FailSent(absl::UnavailableError(absl::StrCat(
      "whether it was handed on is unknown: ", broker_status_.message())));
  reads_sent_ = 0;
  member_questions_.Restart();
  to_unsubscribe_.clear();
  by_wire_handle_.clear();
  for (auto& [handle, room] : followed_) room.wire_handle = 0;
}

void LinkCore::Protest(const absl::Status& status) {
  LoseSession(absl::StrCat("the broker sent ", status.message()));
}

// ---- What the node says ----

void LinkCore::Answer(OpenPublish* publish,
                      absl::StatusOr<PublishAnswer> answer) {
  if (publish->answered) return;
  publish->answered = true;
  std::move(publish->done)(std::move(answer));
}

void LinkCore::DropAnswered() {
  while (!publishes_.empty() && publishes_.front().answered) {
    const PublishRequest& request = publishes_.front().request;
    queued_publish_bytes_ -= request.packet.size() + request.id.size();
    if (sent_publishes_ > 0) {
      --sent_publishes_;
      sent_publish_bytes_ -= request.packet.size();
      if (publishes_.front().given_up) {
        given_up_.emplace_back(first_number_, request.packet.size());
        given_up_bytes_ += request.packet.size();
      } else {
        DropGivenUp(first_number_);
      }
    }
    publishes_.pop_front();
    ++first_number_;
  }
}

void LinkCore::DropGivenUp(uint64_t number) {
  while (!given_up_.empty() && given_up_.front().first <= number) {
    given_up_bytes_ -= given_up_.front().second;
    given_up_.pop_front();
  }
}

bool LinkCore::has_publish_credit() const {
  return sent_publishes_ + given_up_.size() + ephemeral_.sent_events() <
             publish_credit_ &&
         sent_publish_bytes_ + given_up_bytes_ + ephemeral_.sent_bytes() <
             publish_credit_bytes_;
}

void LinkCore::SubscribeAll() {
  by_wire_handle_.clear();
  to_subscribe_.clear();
  to_unsubscribe_.clear();
  rooms_.Suspend();
  for (auto& [handle, room] : followed_) {
    room.wire_handle = 0;
    to_subscribe_.push_back(handle);
  }
  // Not in the order of the table, which is another one in each process.
  std::sort(to_subscribe_.begin(), to_subscribe_.end());
}

void LinkCore::EndTurn() {
  if (closed_) return;
  for (auto& refuse : std::exchange(refused_, {})) std::move(refuse)();
  if (!welcome_) return;
  for (const MissingEvents& missing :
       rooms_.TakeMissing(kCatchUpsAtOnce - catch_ups_)) {
    ++catch_ups_;
    HistoryRequest request;
    request.room = followed_.at(missing.room).key;
    request.after = missing.after;
    request.before = missing.before;
    request.events_max = kReadEventsMax;
    Read(std::move(request),
         [this, room = missing.room](absl::StatusOr<HistoryPage> page) {
           --catch_ups_;
           if (page.ok()) {
             rooms_.OnRead(room, *page);
           } else {
             // The rest passes, and the read is tried again.
             rooms_.OnReadFailed(room, absl::IsDataLoss(page.status()));
           }
         });
  }
  SendSubscriptions();
  SendPublishes();
  SendReads();
  SendMemberQuestions();
  // The broker must hear in time that there is credit again.
  if (consumed_bytes_ - reported_bytes_ > options_.delivery_credit_bytes / 4) {
    proto::NodeMessage message;
    message.mutable_heartbeat();
    Send(std::move(message));
  }
}

void LinkCore::SendSubscriptions() {
  // A client that goes leaves its rooms in the order of a table's memory.
  std::sort(to_unsubscribe_.begin(), to_unsubscribe_.end());
  for (size_t begin = 0; begin < to_unsubscribe_.size();
       begin += kRoomsPerMessageMax) {
    proto::NodeMessage message;
    for (size_t i = begin;
         i < std::min(to_unsubscribe_.size(), begin + kRoomsPerMessageMax);
         ++i) {
      message.mutable_unsubscribe()->add_handles(to_unsubscribe_[i]);
    }
    Send(std::move(message));
  }
  to_unsubscribe_.clear();
  proto::NodeMessage message;
  for (const RoomHandle handle : to_subscribe_) {
    const auto it = followed_.find(handle);
    if (it == followed_.end() || it->second.wire_handle != 0) continue;
    it->second.wire_handle = ++last_wire_handle_;
    by_wire_handle_[last_wire_handle_] = handle;
    proto::Subscribe* const subscribe = message.mutable_subscribe();
    subscribe->add_handles(last_wire_handle_);
    AddRoomName(it->second.key.text(), subscribe->mutable_rooms());
    if (subscribe->handles_size() == static_cast<int>(kRoomsPerMessageMax)) {
      Send(std::move(message));
      message.Clear();
    }
  }
  to_subscribe_.clear();
  if (message.has_subscribe()) Send(std::move(message));
}

void LinkCore::SendPublishes() {
  while (has_publish_credit()) {
    const uint64_t barrier = ephemeral_.barrier();
    SendPublishesBefore(barrier);
    if (barrier > first_number_ + sent_publishes_) break;
    if (!has_publish_credit()) break;
    SendEphemeral();
  }
}

void LinkCore::SendEphemeral() {
  proto::NodeMessage message;
  std::string packets;
  ephemeral_.MakeMessage(
      std::min(kPublishEventsEnough, publish_credit_ - sent_publishes_ -
                                         given_up_.size() -
                                         ephemeral_.sent_events()),
      kPublishBytesEnough, message.mutable_ephemeral(), &packets);
  Send(std::move(message), std::move(packets));
}

void LinkCore::SendPublishesBefore(uint64_t number) {
  const size_t end = static_cast<size_t>(std::min<uint64_t>(
      publishes_.size(), std::max(number, first_number_) - first_number_));
  while (sent_publishes_ < end && has_publish_credit()) {
    proto::NodeMessage message;
    proto::Publish* const publish = message.mutable_publish();
    publish->set_first_number(first_number_ + sent_publishes_);
    publish->set_answered_through(first_number_ - 1);
    EventColumnsWriter writer({.rooms = true}, publish->mutable_events());
    absl::flat_hash_map<absl::string_view, uint32_t> rooms;
    std::string packets;
    while (sent_publishes_ < end && has_publish_credit() &&
           publish->events().count() < kPublishEventsEnough &&
           packets.size() < kPublishBytesEnough) {
      const PublishRequest& request = publishes_[sent_publishes_].request;
      const auto [it, added] = rooms.try_emplace(
          request.room.text(), static_cast<uint32_t>(rooms.size()));
      if (added) AddRoomName(it->first, publish->mutable_rooms());
      EventView event;
      event.flags = request.flags;
      event.room = it->second;
      event.id = request.id;
      event.packet = request.packet;
      writer.Add(event);
      packets.append(request.packet);
      ++sent_publishes_;
      sent_publish_bytes_ += request.packet.size();
    }
    Send(std::move(message), std::move(packets));
  }
}

void LinkCore::SendReads() {
  size_t taken = 0;
  for (; taken < reads_to_send_.size() && reads_sent_ < kUnansweredReadsMax;
       ++taken) {
    const auto it = reads_.find(reads_to_send_[taken]);
    if (it == reads_.end() || it->second.sent) continue;
    it->second.sent = true;
    ++reads_sent_;
    const HistoryRequest& request = it->second.request;
    proto::NodeMessage message;
    proto::Read* const read = message.mutable_read();
    read->set_request(it->first);
    read->set_room(request.room.text());
    read->set_backward(request.newest_first);
    read->set_after(request.after.value());
    if (request.before.value() != std::numeric_limits<uint64_t>::max()) {
      read->set_before(request.before.value());
    }
    if (request.since_ms > 0) read->set_since_ms(request.since_ms);
    read->set_limit(
        static_cast<uint32_t>(std::min(request.events_max, kReadEventsMax)));
    Send(std::move(message));
  }
  reads_to_send_.erase(reads_to_send_.begin(), reads_to_send_.begin() + taken);
}

void LinkCore::SendMemberQuestions() {
  if (broker_minor_ < kProtocolMinorOfMembers) {
    member_questions_.FailAll(absl::UnavailableError(
        "the broker is older and does not tell who is in a room"));
    return;
  }
  while (std::optional<proto::ReadMembers> question =
             member_questions_.TakeNext()) {
    if (broker_minor_ < kProtocolMinorOfUsers &&
        (question->what() == proto::ReadMembers::WHAT_ROOMS ||
         question->what() == proto::ReadMembers::WHAT_USER)) {
      proto::Members nothing;
      nothing.set_request(question->request());
      member_questions_.OnAnswer(
          nothing,
          absl::UnavailableError("the broker is older and does not tell"),
          epoch_);
      continue;
    }
    proto::NodeMessage message;
    *message.mutable_read_members() = *std::move(question);
    Send(std::move(message));
  }
}

void LinkCore::Greet() {
  last_greeting_ = clock_.Steady();
  proto::NodeMessage message;
  message.set_session(session_);
  proto::Hello* const hello = message.mutable_hello();
  hello->set_protocol_major(kProtocolMajor);
  hello->set_protocol_minor(kProtocolMinor);
  hello->set_node_name(options_.node_name);
  hello->set_producer(options_.producer.value());
  hello->set_delivery_credit_bytes(options_.delivery_credit_bytes);
  OutgoingMessage outgoing;
  message.SerializeToString(&outgoing.header);
  transport_.Send("", std::move(outgoing));
}

void LinkCore::OnTick() {
  if (closed_) return;
  const absl::Duration now = clock_.Steady();
  if (welcome_ && now - last_heard_ > kBrokerSilenceMax) {
    LoseSession(absl::StrCat("the broker was silent for ",
                             absl::FormatDuration(kBrokerSilenceMax)));
  }
  if (!welcome_ && now - last_greeting_ >= kGreetingInterval) Greet();
  if (welcome_ && now - last_sent_ >= kHeartbeatInterval) {
    proto::NodeMessage message;
    message.mutable_heartbeat();
    Send(std::move(message));
  }
  const absl::Status silence = absl::UnavailableError(absl::StrCat(
      "no answer within ", absl::FormatDuration(options_.publish_timeout),
      welcome_ ? "" : ": ", welcome_ ? "" : broker_status_.message()));
  for (OpenPublish& publish : publishes_) {
    if (publish.deadline > now) break;
    publish.given_up = !publish.answered;
    Answer(&publish, silence);
  }
  DropAnswered();
  ephemeral_.FailExpired(now, silence);
}

void LinkCore::Close() {
  if (welcome_) {
    proto::NodeMessage message;
    message.mutable_goodbye();
    Send(std::move(message));
  }
  closed_ = true;
}

void LinkCore::Send(proto::NodeMessage message, std::string payload) {
  message.set_session(session_);
  message.set_sequence(++sent_);
  message.set_consumed_bytes(consumed_bytes_);
  reported_bytes_ = consumed_bytes_;
  last_sent_ = clock_.Steady();
  OutgoingMessage outgoing;
  message.SerializeToString(&outgoing.header);
  outgoing.payload = std::move(payload);
  transport_.Send("", std::move(outgoing));
}

}  // namespace roomlog
