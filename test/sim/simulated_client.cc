#include "test/sim/simulated_client.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace roomlog {
namespace {

constexpr absl::Duration kReconnectDelayMax = absl::Milliseconds(800);
constexpr absl::Duration kTryAgainMax = absl::Seconds(1);
// A join that was refused so often is asked for without the past.
constexpr int kRefusalsMax = 8;

std::string Quoted(absl::string_view text) {
  return absl::StrCat("\"", text, "\"");
}

// {0, 0} if it is no position.
Position PositionOf(const Value& text) {
  // What comes while a join is under way has the client's place behind it.
  const absl::string_view all = text.AsString();
  const absl::StatusOr<Position> position =
      ParsePosition(all.substr(0, all.find('~')));
  return position.ok() ? *position : Position();
}

Oracle::Gap GapOf(const Value& gap) {
  return {PositionOf(gap["from"]), PositionOf(gap["to"]),
          std::string(gap["reason"].AsString())};
}

}  // namespace

SimulatedClient::SimulatedClient(uint64_t seed, std::string name,
                                 std::function<SimulatedEdge*()> find_edge,
                                 FakeClock& clock, EventQueue& events,
                                 Oracle& oracle, History& history)
    : name_(std::move(name)),
      random_(seed),
      find_edge_(std::move(find_edge)),
      clock_(clock),
      events_(events),
      oracle_(oracle),
      history_(history) {
  ConnectLater();
}

SimulatedClient::~SimulatedClient() {
  *alive_ = false;
  if (connection_ != nullptr) connection_->Forget();
}

void SimulatedClient::Later(absl::Duration delay_max,
                            std::function<void()> what) {
  events_.After(delay_max * std::uniform_real_distribution<>()(random_),
                [alive = alive_, what = std::move(what)] {
                  if (*alive) what();
                });
}

// ---- As socket.io-client ----

void SimulatedClient::ConnectLater() {
  Later(kReconnectDelayMax, [this] { Connect(); });
}

void SimulatedClient::Connect() {
  SimulatedEdge* const edge = find_edge_();
  if (edge == nullptr) {
    ConnectLater();
    return;
  }
  std::string auth = "{}";
  if (!pid_.empty()) {
    auth = absl::StrCat("{\"pid\":", Quoted(pid_));
    if (!last_offset_.empty()) {
      absl::StrAppend(&auth, ",\"offset\":", Quoted(last_offset_));
    }
    auth.push_back('}');
  }
  connection_ = edge->Connect(std::move(auth), *this);
  history_.Note(absl::StrCat(name_, " (which has ", last_offset_,
                             ") connects to ", edge->name(), " as ",
                             connection_->id()));
}

void SimulatedClient::OnClosed() {
  history_.Note(absl::StrCat(name_, " lost its connection"));
  connection_.reset();
  is_connected_ = false;
  acks_.clear();
  last_lost_ack_id_ = last_ack_id_;
  left_.insert(leaving_.begin(), leaving_.end());
  leaving_.clear();
  for (auto& [room, membership] : rooms_) {
    membership.is_joining = false;
    if (!membership.is_live) oracle_.OnGone(name_, room);
  }
  // What has no id cannot be said again: whether it was kept is unknown.
  for (auto it = publishes_.begin(); it != publishes_.end();) {
    it = it->second.has_id ? std::next(it) : publishes_.erase(it);
  }
  ConnectLater();
}

void SimulatedClient::OnPacket(absl::string_view packet) {
  history_.Mix(name_);
  history_.Mix(packet);
  const char type = packet[0];
  packet.remove_prefix(1);
  if (type == '0' || type == '2') {
    const absl::StatusOr<Value> payload = ParseJson(packet);
    if (!payload.ok()) {
      oracle_.Report("P5", absl::StrCat(name_, " was sent ", packet));
    } else if (type == '0') {
      OnConnected(*payload);
    } else if (is_connected_) {
      EmitEvent(payload->AsArray());
    } else {
      receive_buffer_.push_back(payload->AsArray());
    }
  } else if (type == '3') {
    const size_t begin = packet.find('[');
    uint64_t id = 0;
    if (begin == packet.npos ||
        !absl::SimpleAtoi(packet.substr(0, begin), &id)) {
      oracle_.Report("P4", absl::StrCat(name_, " was sent 3", packet));
      return;
    }
    const auto it = acks_.find(id);
    if (it == acks_.end() && id <= last_lost_ack_id_) return;
    if (it == acks_.end()) {
      oracle_.Report("P4",
                     absl::StrCat(name_, " was answered twice: ", packet));
      return;
    }
    const AckHandler handler = std::move(it->second);
    acks_.erase(it);
    const absl::StatusOr<Value> answer = ParseJson(packet.substr(begin));
    if (answer.ok()) {
      handler((*answer)[0]);
    } else {
      oracle_.Report("P5", absl::StrCat(name_, " was sent 3", packet));
    }
  }
}

void SimulatedClient::OnConnected(const Value& payload) {
  const std::string pid(payload["pid"].AsString());
  const bool recovered = !pid.empty() && pid == pid_;
  pid_ = pid;
  is_connected_ = true;
  for (const Value::Array& arguments : std::exchange(receive_buffer_, {})) {
    EmitEvent(arguments);
  }
  OnConnect(recovered);
}

void SimulatedClient::EmitEvent(const Value::Array& arguments) {
  OnEvent(arguments);
  if (!pid_.empty() && !arguments.empty() && arguments.back().is_string()) {
    last_offset_ = std::string(arguments.back().AsString());
  }
}

void SimulatedClient::Emit(const std::string& event,
                           const std::vector<std::string>& arguments,
                           AckHandler ack) {
  if (!is_connected_ || connection_ == nullptr) return;
  ClientPacket packet;
  packet.name = event;
  packet.arguments = absl::StrCat("[", Quoted(event));
  for (const std::string& argument : arguments) {
    absl::StrAppend(&packet.arguments, ",", argument);
  }
  packet.arguments.push_back(']');
  packet.ack_id = ++last_ack_id_;
  acks_[last_ack_id_] = std::move(ack);
  connection_->Say(std::move(packet));
}

// ---- The program ----

void SimulatedClient::OnConnect(bool recovered) {
  history_.Note(absl::StrCat(name_, recovered ? " is back" : " is new"));
  if (recovered) {
    ++recoveries_;
    for (const std::string& room : left_) SendLeave(room, false);
  } else {
    oracle_.OnGone(name_);
  }
  left_.clear();
  for (auto& [room, membership] : rooms_) {
    if (!recovered) {
      membership.is_live = false;
      SendJoin(room);
    } else if (!membership.is_live) {
      JoinAnew(room);
    }
  }
  std::vector<uint64_t> open;
  for (const auto& [key, publish] : publishes_) open.push_back(key);
  for (const uint64_t key : open) SendPublish(key);
}

void SimulatedClient::Join(const std::string& room, int last) {
  if (rooms_.count(room) > 0 || leaving_.count(room) > 0 ||
      left_.count(room) > 0) {
    return;
  }
  rooms_[room].last = last;
  SendJoin(room);
}

void SimulatedClient::JoinAnew(const std::string& room) {
  if (leaving_.count(room) == 0) SendLeave(room, true);
}

void SimulatedClient::SendLeave(const std::string& room, bool joins_again) {
  leaving_.insert(room);
  Emit("leave", {Quoted(room)}, [this, room, joins_again](const Value&) {
    leaving_.erase(room);
    if (joins_again || rooms_.count(room) > 0) SendJoin(room);
  });
}

void SimulatedClient::SendJoin(const std::string& room) {
  const auto it = rooms_.find(room);
  if (it == rooms_.end() || it->second.is_joining || !is_connected_) return;
  Membership& membership = it->second;
  membership.is_live = false;
  std::string options = "{}";
  std::optional<Position> after;
  if (membership.refusals >= kRefusalsMax) {
    membership.position.reset();
  } else if (membership.position.has_value()) {
    after = membership.position;
    options = absl::StrCat("{\"after\":", Quoted(FormatPosition(*after)), "}");
  } else if (membership.last > 0) {
    options = absl::StrCat("{\"last\":", membership.last, "}");
  }
  membership.is_joining = true;
  oracle_.OnJoining(name_, room, after);
  history_.Note(absl::StrCat(name_, " joins ", room, " ", options));
  Emit("join", {Quoted(room), options},
       [this, room](const Value& answer) { OnJoinAnswer(room, answer); });
}

void SimulatedClient::OnJoinAnswer(const std::string& room,
                                   const Value& answer) {
  history_.Note(absl::StrCat(name_, " joined ", room, ": ", answer.ToJson()));
  const auto it = rooms_.find(room);
  if (it == rooms_.end()) return;  // It leaves.
  Membership& membership = it->second;
  membership.is_joining = false;
  if (!answer["ok"].AsBool()) {
    oracle_.OnGone(name_, room);
    ++membership.refusals;
    if (answer["error"]["code"].AsString() == "bad_offset") {
      oracle_.Report("P8", absl::StrCat(name_, " was refused its offset in ",
                                        room, ": ", answer.ToJson()));
    }
    Later(kTryAgainMax, [this, room] { SendJoin(room); });
    return;
  }
  membership.refusals = 0;
  membership.is_live = true;
  std::optional<Oracle::Gap> gap;
  if (!answer["gap"].is_null()) gap = GapOf(answer["gap"]);
  const Position position = PositionOf(answer["offset"]);
  oracle_.OnJoined(name_, room, position, gap);
  const bool is_ahead = membership.position.has_value() &&
                        membership.position->epoch == position.epoch &&
                        membership.position->offset > position.offset;
  if (!is_ahead) membership.position = position;
}

void SimulatedClient::Leave(const std::string& room) {
  const auto it = rooms_.find(room);
  if (it == rooms_.end() || it->second.is_joining || !is_connected_) return;
  // What still comes on the way is nobody's any more.
  rooms_.erase(it);
  oracle_.OnGone(name_, room);
  SendLeave(room, false);
}

void SimulatedClient::OnEvent(const Value::Array& arguments) {
  if (arguments.empty()) return;
  const absl::string_view event = arguments[0].AsString();
  if (event == "roomlog:gap") {
    const Value& told = arguments[1];
    const std::string room(told["room"].AsString());
    history_.Note(absl::StrCat(name_, " has a gap: ", told.ToJson()));
    const auto it = rooms_.find(room);
    if (it == rooms_.end() || leaving_.count(room) > 0) return;
    // One that comes while it joins is of what it had before that: the answer
    // will tell those of the join.
    if (it->second.is_joining) return;
    const Oracle::Gap gap = GapOf(told);
    oracle_.OnGap(name_, room, gap);
    it->second.position = gap.to;
    return;
  }
  if (event != "message" || arguments.size() < 4) return;
  const std::string room(arguments[2]["room"].AsString());
  const Position position = PositionOf(arguments[3]);
  history_.Note(absl::StrCat(name_, " hears ", arguments[1].AsString(), " of ",
                             room, " at ", arguments[3].AsString()));
  const auto it = rooms_.find(room);
  if (it == rooms_.end() || leaving_.count(room) > 0 ||
      (!it->second.is_live && !it->second.is_joining)) {
    return;  // It leaves, or does not know whether it is in.
  }
  oracle_.OnHeard(name_, room, position, std::string(arguments[1].AsString()));
  if (!it->second.is_joining) it->second.position = position;
}

void SimulatedClient::Publish(const std::string& room, const std::string& text,
                              bool has_id) {
  if (!is_connected_ && !has_id) return;
  publishes_[++last_publish_] = {room, text, has_id, last_publish_};
  SendPublish(last_publish_);
}

void SimulatedClient::SendPublish(uint64_t key) {
  const auto it = publishes_.find(key);
  if (it == publishes_.end() || !is_connected_) return;
  const OpenPublish& publish = it->second;
  std::vector<std::string> arguments = {Quoted(publish.room), Quoted("message"),
                                        Quoted(publish.text)};
  if (publish.has_id) {
    arguments.push_back(absl::StrCat("{\"id\":", Quoted(publish.text), "}"));
  }
  Emit("publish", arguments, [this, key](const Value& answer) {
    const auto open = publishes_.find(key);
    if (open == publishes_.end()) return;
    const OpenPublish& publish = open->second;
    if (answer["ok"].AsBool()) {
      history_.Note(absl::StrCat(name_, " published ", publish.text, ": ",
                                 answer.ToJson()));
      oracle_.OnAcknowledged(name_, publish.room, publish.text,
                             PositionOf(answer["offset"]));
      publishes_.erase(open);
    } else if (!publish.has_id) {
      publishes_.erase(open);
    } else {
      Later(kTryAgainMax, [this, key] { SendPublish(key); });
    }
  });
}

void SimulatedClient::ReadHistory(const std::string& room) {
  const auto it = rooms_.find(room);
  if (it == rooms_.end() || !it->second.position.has_value()) return;
  const std::string page = absl::StrCat(name_, "'s page");
  Emit("history", {Quoted(room), "{\"limit\":20}"},
       [this, room, page](const Value& answer) {
         if (!answer["ok"].AsBool()) return;
         // A page is a reader's life: in order, whole, or with a gap.
         oracle_.OnJoining(page, room, std::nullopt);
         const Value::Array& events = answer["events"].AsArray();
         for (auto event = events.rbegin(); event != events.rend(); ++event) {
           oracle_.OnHeard(page, room, PositionOf((*event)["offset"]),
                           std::string((*event)["data"].AsString()));
         }
         if (!events.empty()) {
           std::optional<Oracle::Gap> gap;
           if (!answer["gap"].is_null()) gap = GapOf(answer["gap"]);
           oracle_.OnJoined(page, room, PositionOf(events.front()["offset"]),
                            gap);
         }
         oracle_.OnGone(page);
       });
}

void SimulatedClient::StopReading() {
  if (connection_ != nullptr) connection_->StopReading();
}

void SimulatedClient::Read() {
  if (connection_ != nullptr) connection_->Read();
}

void SimulatedClient::CutConnection(absl::Duration edge_notices,
                                    absl::Duration client_notices) {
  if (connection_ != nullptr) connection_->Cut(edge_notices, client_notices);
}

}  // namespace roomlog
