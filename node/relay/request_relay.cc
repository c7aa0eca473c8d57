#include "node/relay/request_relay.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "node/relay/relay_limits.h"
#include "node/relay/relayed_headers.h"

namespace roomlog {
namespace {

// As the official server has it: upon this clients connect anew.
HttpAnswer UnknownSession() {
  HttpAnswer answer;
  answer.status = 400;
  answer.content_type = "application/json";
  answer.body = R"({"code":1,"message":"Session ID unknown"})";
  return answer;
}

HttpAnswer AnswerOf(const proto::RelayedAnswer& relayed, std::string body) {
  HttpAnswer answer;
  answer.status = static_cast<int>(relayed.status());
  answer.content_type = relayed.content_type();
  answer.body = std::move(body);
  for (const std::string& line : relayed.headers()) {
    const auto [name, value] = HeaderOf(line);
    answer.headers.emplace_back(name, value);
  }
  answer.closes = relayed.closes();
  return answer;
}

}  // namespace

std::string RelayRoomOf(NodeTag node, size_t loop_index) {
  return absl::StrCat("relay/", absl::Hex(node.value()), "/", loop_index);
}

// ---- Requests that came here, and are for others ----

class RequestRelay::Asked final : public ExchangeOwner {
 public:
  Asked(RequestRelay& relay, uint64_t its_id, std::string its_room,
        std::shared_ptr<HttpExchange> exchange)
      : id(its_id),
        room(std::move(its_room)),
        relay_(relay),
        exchange_(std::move(exchange)) {
    exchange_->SetOwner(this);
  }
  ~Asked() override {
    if (exchange_ != nullptr) exchange_->SetOwner(nullptr);
  }

  const HttpRequest& request() const { return exchange_->request(); }
  void ReadBody(size_t bytes_max) { exchange_->ReadBody(bytes_max); }
  void Answer(HttpAnswer answer) {
    std::exchange(exchange_, nullptr)->Answer(std::move(answer));
  }

  // ExchangeOwner
  void OnBody(HttpExchange&, absl::string_view body) override {
    relay_.SendRequest(*this, body);
  }
  void OnBodyTooLarge(HttpExchange&) override {
    HttpAnswer answer = TextAnswer(413, "");
    answer.closes = true;
    Answer(std::move(answer));
    relay_.asked_.erase(id);
  }
  void OnAborted(HttpExchange&) override {
    exchange_.reset();
    if (is_sent) {
      proto::Relay relay = relay_.MessageOf(id);
      relay.mutable_aborted();
      relay_.Tell(room, relay);
    }
    relay_.asked_.erase(id);
  }

  const uint64_t id;
  const std::string room;
  bool is_sent = false;
  bool is_heard = false;  // By the loop that is to answer.
  absl::Duration sent_at;
  // The answer so far, if its body comes in parts.
  std::unique_ptr<InParts> in_parts;
  proto::RelayedAnswer answer;
  std::string body;

 private:
  RequestRelay& relay_;
  std::shared_ptr<HttpExchange> exchange_;  // Null: answered, or gone.
};

RequestRelay::RequestRelay(Options options, const Clock& clock, Say say,
                           Serve serve)
    : options_(options),
      clock_(clock),
      say_(std::move(say)),
      serve_(std::move(serve)),
      room_(RelayRoomOf(options.node, options.loop_index)),
      last_exchange_(0),
      checked_at_(clock.Steady()) {}

RequestRelay::~RequestRelay() = default;

proto::Relay RequestRelay::MessageOf(uint64_t exchange) const {
  proto::Relay relay;
  relay.set_exchange(exchange);
  relay.set_from(room_);
  return relay;
}

void RequestRelay::Tell(const std::string& room, const proto::Relay& relay,
                        Said said) {
  say_(room, relay.SerializeAsString(), std::move(said));
}

void RequestRelay::TellWithBody(const std::string& room, proto::Relay relay,
                                absl::string_view body, Said said) {
  const bool is_request = relay.has_request();
  const auto fill = [&body](proto::RelayedPart* part) {
    const absl::string_view bytes = body.substr(0, kRelayedPartBytesMax);
    part->set_bytes(bytes.data(), bytes.size());
    body.remove_prefix(bytes.size());
    part->set_more(!body.empty());
  };
  fill(is_request ? relay.mutable_request()->mutable_body()
                  : relay.mutable_answer()->mutable_body());
  Tell(room, relay, std::move(said));
  while (!body.empty()) {
    proto::Relay next = MessageOf(relay.exchange());
    fill(is_request ? next.mutable_request_part() : next.mutable_answer_part());
    Tell(room, next);
  }
}

void RequestRelay::HandOn(NodeTag node, size_t loop_index,
                          std::shared_ptr<HttpExchange> exchange) {
  if (asked_.size() >= kRelayedRequestsMax) {
    return exchange->Answer(
        TextAnswer(503, "too many requests wait for other nodes"));
  }
  const uint64_t id = ++last_exchange_;
  const auto asked =
      asked_
          .emplace(id, std::make_unique<Asked>(*this, id,
                                               RelayRoomOf(node, loop_index),
                                               std::move(exchange)))
          .first;
  if (asked->second->request().method == "POST") {
    asked->second->ReadBody(options_.body_bytes_max);
  } else {
    SendRequest(*asked->second, "");
  }
}

void RequestRelay::SendRequest(Asked& asked, absl::string_view body) {
  const HttpRequest& request = asked.request();
  proto::Relay relay = MessageOf(asked.id);
  proto::RelayedRequest* const relayed = relay.mutable_request();
  relayed->set_method(std::string(request.method));
  relayed->set_target(std::string(request.target));
  relayed->set_remote_address(std::string(request.remote_address));
  relayed->set_secure(request.is_secure);
  for (const auto& [name, value] : request.headers.All()) {
    relayed->add_headers(HeaderLine(name, value));
  }
  asked.is_sent = true;
  asked.sent_at = clock_.Steady();
  TellWithBody(asked.room, std::move(relay), body,
               [this, id = asked.id, is_here = std::weak_ptr<bool>(is_here_)](
                   absl::StatusOr<size_t> heard) {
                 if (is_here.expired()) return;
                 const auto found = asked_.find(id);
                 if (found == asked_.end()) return;
                 if (heard.ok() && *heard > 0) {
                   found->second->is_heard = true;
                 } else {
                   GiveUp(id);
                 }
               });
}

void RequestRelay::GiveUp(uint64_t exchange) {
  const auto asked = asked_.extract(exchange);
  if (!asked.empty()) asked.mapped()->Answer(UnknownSession());
}

void RequestRelay::OnTick() {
  const absl::Duration now = clock_.Steady();
  if (now < checked_at_ + kRelayCheckInterval) return;
  checked_at_ = now;
  std::map<std::string, proto::Relay> checks;
  std::vector<uint64_t> late;
  for (const auto& [id, asked] : asked_) {
    if (!asked->is_sent) continue;
    if (!asked->is_heard) {
      if (now > asked->sent_at + kRelayHandOnTime) late.push_back(id);
    } else if (now > asked->sent_at + kRelayCheckInterval) {
      checks.try_emplace(asked->room, MessageOf(0))
          .first->second.mutable_check()
          ->add_exchanges(id);
    }
  }
  for (const uint64_t id : late) GiveUp(id);
  // The rest of a body was lost; who sent it learns of that when it asks.
  absl::erase_if(taken_, [now](const auto& each) {
    const auto& [key, taken] = each;
    return taken.exchange == nullptr && now > taken.came_at + kRelayHandOnTime;
  });
  for (const auto& [room, check] : checks) {
    std::vector<uint64_t> ids(check.check().exchanges().begin(),
                              check.check().exchanges().end());
    Tell(room, check,
         [this, ids = std::move(ids), is_here = std::weak_ptr<bool>(is_here_)](
             absl::StatusOr<size_t> heard) {
           if (is_here.expired() || (heard.ok() && *heard > 0)) return;
           for (const uint64_t id : ids) GiveUp(id);
         });
  }
}

void RequestRelay::OnHeard(absl::string_view bytes) {
  proto::Relay relay;
  if (!relay.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return;
  }
  switch (relay.what_case()) {
    case proto::Relay::kRequest:
      return OnRequest(relay);
    case proto::Relay::kAnswer:
      return OnAnswer(relay);
    case proto::Relay::kAnswerPart:
      return OnAnswerPart(relay);
    case proto::Relay::kRequestPart:
      return OnRequestPart(relay);
    case proto::Relay::kAborted:
      return OnAborted(relay);
    case proto::Relay::kCheck:
      return OnCheck(relay);
    case proto::Relay::kLost:
      for (const uint64_t id : relay.lost().exchanges()) GiveUp(id);
      return;
    case proto::Relay::WHAT_NOT_SET:
      return;
  }
}

void RequestRelay::OnAnswer(const proto::Relay& relay) {
  const auto found = asked_.find(relay.exchange());
  if (found == asked_.end() || found->second->room != relay.from()) return;
  found->second->answer = relay.answer();
  found->second->answer.clear_body();
  found->second->body = relay.answer().body().bytes();
  if (!relay.answer().body().more()) return AnswerWhole(relay.exchange());
  if (in_parts_ >= kRelayedInPartsMax) return GiveUp(relay.exchange());
  found->second->in_parts = std::make_unique<InParts>(in_parts_);
}

void RequestRelay::OnAnswerPart(const proto::Relay& relay) {
  const auto found = asked_.find(relay.exchange());
  if (found == asked_.end() || found->second->room != relay.from()) return;
  found->second->body.append(relay.answer_part().bytes());
  if (found->second->body.size() > kRelayedAnswerBytesMax) {
    return GiveUp(relay.exchange());
  }
  if (!relay.answer_part().more()) AnswerWhole(relay.exchange());
}

void RequestRelay::AnswerWhole(uint64_t exchange) {
  const auto asked = asked_.extract(exchange);
  asked.mapped()->Answer(
      AnswerOf(asked.mapped()->answer, std::move(asked.mapped()->body)));
}

// ---- Requests that came to others, and are for us ----

void RequestRelay::OnRequest(const proto::Relay& relay) {
  const TakenKey key{relay.from(), relay.exchange()};
  if (taken_.contains(key)) return;
  const bool more = relay.request().body().more();
  if (taken_.size() >= kRelayedRequestsMax ||
      (more && in_parts_ >= kRelayedInPartsMax)) {
    return Refuse(relay);
  }
  Taken& taken = taken_[key];
  taken.came_at = clock_.Steady();
  taken.request = relay.request();
  taken.body = relay.request().body().bytes();
  taken.request.clear_body();
  if (!more) return Begin(key);
  taken.in_parts = std::make_unique<InParts>(in_parts_);
}

void RequestRelay::Refuse(const proto::Relay& relay) {
  proto::Relay refusal = MessageOf(relay.exchange());
  refusal.mutable_answer()->set_status(503);
  refusal.mutable_answer()->set_content_type("text/plain");
  refusal.mutable_answer()->mutable_body()->set_bytes("too many requests");
  Tell(relay.from(), refusal);
}

void RequestRelay::OnRequestPart(const proto::Relay& relay) {
  const TakenKey key{relay.from(), relay.exchange()};
  const auto taken = taken_.find(key);
  if (taken == taken_.end() || taken->second.exchange != nullptr) return;
  taken->second.body.append(relay.request_part().bytes());
  if (taken->second.body.size() > options_.body_bytes_max) {
    taken_.erase(taken);  // Its node does not send so much.
  } else if (!relay.request_part().more()) {
    Begin(key);
  }
}

void RequestRelay::Begin(const TakenKey& key) {
  Taken& taken = taken_.at(key);
  taken.in_parts.reset();
  taken.exchange = std::make_shared<RelayedExchange>(
      std::move(taken.request), std::move(taken.body),
      [this, key, is_here = std::weak_ptr<bool>(is_here_)](HttpAnswer answer) {
        if (is_here.expired()) return;
        taken_.erase(key);
        proto::Relay relay = MessageOf(key.second);
        proto::RelayedAnswer* const relayed = relay.mutable_answer();
        relayed->set_status(answer.status);
        relayed->set_content_type(answer.content_type);
        for (const auto& [name, value] : answer.headers) {
          relayed->add_headers(HeaderLine(name, value));
        }
        relayed->set_closes(answer.closes);
        TellWithBody(key.first, std::move(relay), answer.body);
      });
  // Which may answer it at once.
  serve_(std::shared_ptr<RelayedExchange>(taken.exchange));
}

void RequestRelay::OnAborted(const proto::Relay& relay) {
  const auto taken = taken_.extract({relay.from(), relay.exchange()});
  if (!taken.empty() && taken.mapped().exchange != nullptr) {
    taken.mapped().exchange->Abort();
  }
}

void RequestRelay::OnCheck(const proto::Relay& relay) {
  proto::Relay lost = MessageOf(0);
  for (const uint64_t id : relay.check().exchanges()) {
    if (!taken_.contains(TakenKey{relay.from(), id})) {
      lost.mutable_lost()->add_exchanges(id);
    }
  }
  if (lost.has_lost()) Tell(relay.from(), lost);
}

}  // namespace roomlog
