#include "node/engineio/engine_shard.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "node/engineio/engine_limits.h"
#include "node/engineio/message_deflate.h"
#include "node/engineio/url.h"

namespace roomlog {

EngineShard::EngineShard(std::shared_ptr<EngineLoop> loop, size_t index,
                         Shared& shared, const MakeHandler& make_handler)
    : loop_(std::move(loop)),
      index_(index),
      shared_(shared),
      options_(shared.options),
      client_rules_{
          .times = options_.times,
          .polling = {.message_bytes_max = options_.message_bytes_max,
                      .compresses = options_.compresses_polling,
                      .headers_of =
                          [this](const HttpRequest& request) {
                            return HeadersOf(request);
                          }},
          .allows_upgrades =
              options_.allows_upgrades && options_.handshake.allows_websocket,
          .make_handler =
              [make_handler, index](EngineSession& session) {
                return make_handler(session, index);
              },
          .on_gone = [this](EngineClient& client) { OnClientGone(client); }},
      ids_(static_cast<uint8_t>(index),
           options_.other_nodes.has_value()
               ? std::optional(options_.other_nodes->own)
               : std::nullopt) {}

EngineShard::~EngineShard() {
  // What is destroyed below must not look for its place any more.
  is_stopping_ = false;
  client_rules_.on_gone = [](EngineClient&) {};
  shared_.client_count -= clients_.size();
  clients_.clear();
  for (HttpConnection* connection : http_connections_) connection->Abandon();
  for (WebSocketConnection* connection : websockets_) connection->Abandon();
  loop_->Clear();
}

void EngineShard::AddConnection(ClientSocket::Released socket) {
  if (is_stopping_ ||
      http_connections_.size() >= kHttpConnectionsMax / shared_.loop_count) {
    return;  // Closes it.
  }
  if (shared_.tls != nullptr) {
    socket.tls = shared_.tls->NewStream(socket.descriptor);
  }
  const auto connection = std::make_shared<HttpConnection>(
      loop_, ClientSocket(loop_->io(), std::move(socket)), *this,
      connection_options());
  http_connections_.insert(connection.get());
  connection->Start();
}

void EngineShard::TakeOver(HttpConnection::HandedOver from) {
  if (is_stopping_) return;
  const auto connection = std::make_shared<HttpConnection>(
      loop_, std::move(from), *this, connection_options());
  http_connections_.insert(connection.get());
  connection->Resume();
}

void EngineShard::OnHttpGone(HttpConnection& connection) {
  http_connections_.erase(&connection);
}

// ---- Requests ----

void EngineShard::OnRequest(std::shared_ptr<HttpConnection> connection) {
  const HttpRequest& request = connection->request();
  if (!absl::StartsWith(request.path(), options_.path)) {
    for (const HttpRoute& route : options_.routes) {
      if (absl::StartsWith(request.path(), route.prefix)) {
        return route.handle(std::move(connection), index_);
      }
    }
    return connection->Answer(AnswerOther(request));
  }
  if (shared_.client_files.has_value() &&
      absl::StartsWith(request.path().substr(options_.path.size()),
                       "socket.io.")) {
    return connection->Answer(AnswerClientFile(request));
  }
  OnEngineRequest(std::move(connection));
}

void EngineShard::OnEngineRequest(std::shared_ptr<HttpConnection> connection) {
  const HttpRequest& request = connection->request();
  if (options_.cors.has_value() && request.method == "OPTIONS") {
    return connection->Answer(AnswerPreflight(*options_.cors, request));
  }
  const std::string id = SessionIdOf(request);
  if (IsOfAnotherNode(id)) return HandOn(id, std::move(connection));
  const size_t owner = IdGenerator::LoopOf(id).value_or(index_);
  if (owner != index_ && owner < shared_.loop_count) {
    return shared_.hand_over(owner, connection->HandOver());
  }

  EngineClient* client = Find(id);
  // A deadline that has passed holds, whether or not its timer has rung.
  if (client != nullptr) client->LookAtTime();
  Verdict verdict = JudgeRequest(
      request, options_.handshake,
      client == nullptr ? CarriedBy::kNoSuchSession : client->carried_by());
  switch (verdict.kind) {
    case Verdict::Kind::kOpenPolling:
      return OpenByPolling(std::move(connection));
    case Verdict::Kind::kOpenWebSocket:
      return OpenByWebSocket(std::move(connection), std::move(verdict.answer));
    case Verdict::Kind::kPoll:
      return client->OnPoll(std::move(connection));
    case Verdict::Kind::kPost:
      return client->OnPost(std::move(connection));
    case Verdict::Kind::kUpgrade:
      return Upgrade(std::move(connection), client, std::move(verdict.answer));
    case Verdict::Kind::kMisfit:
      return Upgrade(std::move(connection), nullptr, std::move(verdict.answer));
    case Verdict::Kind::kBadMethod:
      verdict.answer.status = 500;
      break;
    case Verdict::Kind::kRefused:
      break;
  }
  Refuse(*connection, std::move(verdict.answer));
}

bool EngineShard::IsOfAnotherNode(absl::string_view session_id) const {
  if (!options_.other_nodes.has_value()) return false;
  const std::optional<NodeTag> tag = IdGenerator::TagOf(session_id);
  return tag.has_value() && *tag != options_.other_nodes->own;
}

void EngineShard::HandOn(absl::string_view session_id,
                         std::shared_ptr<HttpConnection> connection) {
  const HttpRequest& request = connection->request();
  if (!request.asks_websocket) {
    return options_.other_nodes->hand_on(
        index_, *IdGenerator::TagOf(session_id),
        *IdGenerator::LoopOf(session_id), std::move(connection));
  }
  // A WebSocket cannot be handed on: the session stays with polling.
  Verdict verdict =
      JudgeRequest(request, options_.handshake, CarriedBy::kPolling);
  if (verdict.kind == Verdict::Kind::kUpgrade) {
    return Upgrade(std::move(connection), nullptr, std::move(verdict.answer));
  }
  Refuse(*connection, std::move(verdict.answer));
}

void EngineShard::Serve(std::shared_ptr<HttpExchange> exchange) {
  const HttpRequest& request = exchange->request();
  EngineClient* const client = Find(SessionIdOf(request));
  if (client != nullptr) client->LookAtTime();
  Verdict verdict = JudgeRequest(
      request, options_.handshake,
      client == nullptr ? CarriedBy::kNoSuchSession : client->carried_by());
  if (verdict.kind == Verdict::Kind::kPoll) {
    return client->OnPoll(std::move(exchange));
  }
  if (verdict.kind == Verdict::Kind::kPost) {
    return client->OnPost(std::move(exchange));
  }
  if (verdict.kind != Verdict::Kind::kRefused) verdict.answer.status = 500;
  Refuse(*exchange, std::move(verdict.answer));
}

void EngineShard::Refuse(HttpExchange& exchange, HttpAnswer answer) const {
  for (auto& header : HeadersOf(exchange.request())) {
    answer.headers.push_back(std::move(header));
  }
  exchange.Answer(std::move(answer));
}

HttpAnswer EngineShard::AnswerOther(const HttpRequest& request) const {
  if (request.path() == "/healthz") return AnswerHealth(request);
  if (shared_.static_files.has_value()) {
    return shared_.static_files->Answer(request);
  }
  return TextAnswer(404, "not found");
}

HttpAnswer EngineShard::AnswerHealth(const HttpRequest& request) const {
  if (!request.is_read()) {
    HttpAnswer answer = TextAnswer(405, "only GET and HEAD");
    answer.headers.emplace_back("Allow", "GET, HEAD");
    return answer;
  }
  Health health = options_.health ? options_.health() : Health();
  if (shared_.is_draining) {
    health = {false, R"({"ok":false,"reason":"draining"})"};
  }
  HttpAnswer answer;
  answer.status = health.is_healthy ? 200 : 503;
  answer.content_type = "application/json";
  answer.headers.emplace_back("Cache-Control", "no-store");
  answer.body = std::move(health.json);
  return answer;
}

HttpAnswer EngineShard::AnswerClientFile(const HttpRequest& request) const {
  HttpRequest of_file = request;
  // The directory's name is not part of the path.
  of_file.target = request.target.substr(options_.path.size() - 1);
  HttpAnswer answer = shared_.client_files->Answer(of_file);
  for (auto& header : HeadersOf(request)) {
    answer.headers.push_back(std::move(header));
  }
  return answer;
}

HttpHeaders EngineShard::HeadersOf(const HttpRequest& request) const {
  if (!options_.cors.has_value()) return {};
  return CorsHeaders(*options_.cors, request);
}

// ---- Sessions ----

absl::string_view EngineShard::full() const {
  if (shared_.is_draining) return "shutting down";
  return shared_.client_count >= options_.clients_max ? "too many clients" : "";
}

std::shared_ptr<EngineClient> EngineShard::NewClient(
    const HttpRequest& request) {
  HandshakeInfo handshake = {
      .headers = request.headers,
      .url = std::string(request.target),
      .remote_address = std::string(request.remote_address),
      .secure = request.is_secure,
      .issued = absl::Now()};
  handshake.headers.Shrink();
  auto client = std::make_shared<EngineClient>(
      loop_, client_rules_, ids_.Next(), std::move(handshake));
  clients_.emplace(client->session_id(), client);
  ++shared_.client_count;
  return client;
}

void EngineShard::OpenByPolling(std::shared_ptr<HttpConnection> connection) {
  if (const absl::string_view why = full(); !why.empty()) {
    HttpAnswer answer = TextAnswer(503, why);
    answer.headers = HeadersOf(connection->request());
    return connection->Answer(std::move(answer));
  }
  const auto client = NewClient(connection->request());
  HttpHeaders headers;
  if (options_.cookie.has_value()) {
    headers.emplace_back("Set-Cookie",
                         SessionCookie(*options_.cookie, client->session_id()));
  }
  client->OpenByPolling(std::move(connection), std::move(headers));
}

void EngineShard::OpenByWebSocket(std::shared_ptr<HttpConnection> connection,
                                  HttpAnswer answer) {
  if (const absl::string_view why = full(); !why.empty()) {
    HttpAnswer refusal = TextAnswer(503, why);
    refusal.closes = true;
    return connection->Answer(std::move(refusal));
  }
  const auto client = NewClient(connection->request());
  if (options_.cookie.has_value()) {
    answer.headers.emplace_back(
        "Set-Cookie", SessionCookie(*options_.cookie, client->session_id()));
  }
  NewWebSocket made =
      MakeWebSocket(*connection, std::move(answer), client.get());
  // The head must be the first to go out, the input the last to come in.
  made.connection->SendHead(std::move(made.head));
  client->OpenByWebSocket(made.connection);
  made.connection->Start(std::move(made.early));
}

void EngineShard::Upgrade(std::shared_ptr<HttpConnection> connection,
                          EngineClient* client, HttpAnswer answer) {
  const bool fits = client != nullptr && client->can_upgrade();
  NewWebSocket made =
      MakeWebSocket(*connection, std::move(answer), fits ? client : nullptr);
  made.connection->SendHead(std::move(made.head));
  if (fits) {
    client->OnUpgrade(made.connection);
  } else {
    made.connection->Close(WebSocketCloseCode::kNone);
  }
  made.connection->Start(std::move(made.early));
}

EngineShard::NewWebSocket EngineShard::MakeWebSocket(HttpConnection& connection,
                                                     HttpAnswer answer,
                                                     WebSocketOwner* owner) {
  const HttpRequest& request = connection.request();
  for (auto& header : HeadersOf(request)) {
    answer.headers.push_back(std::move(header));
  }
  std::string extensions;
  if (options_.compresses_websocket) {
    extensions =
        AcceptDeflate(request.headers.Find("Sec-WebSocket-Extensions"));
  }
  if (!extensions.empty()) {
    answer.headers.emplace_back("Sec-WebSocket-Extensions", extensions);
  }
  const WebSocketConnection::Options options = {
      .message_bytes_max = options_.message_bytes_max,
      .sends_base64 = !QueryValue(request.query(), "b64").value_or("").empty(),
      .is_deflated = !extensions.empty()};
  HttpConnection::Detached detached = connection.Detach();
  NewWebSocket made;
  made.connection = std::make_shared<WebSocketConnection>(
      loop_, std::move(detached.socket), options, owner,
      [this](WebSocketConnection& gone) { OnWebSocketGone(gone); });
  made.head = EncodeAnswerHead(answer, 0, /*keeps_alive=*/true);
  made.early = std::move(detached.early);
  websockets_.insert(made.connection.get());
  return made;
}

EngineClient* EngineShard::Find(absl::string_view session_id) const {
  const auto found = clients_.find(session_id);
  return found == clients_.end() ? nullptr : found->second.get();
}

void EngineShard::OnClientGone(EngineClient& client) {
  --shared_.client_count;
  clients_.erase(client.session_id());
  TellIfStopped();
}

void EngineShard::OnWebSocketGone(WebSocketConnection& connection) {
  websockets_.erase(&connection);
  TellIfStopped();
}

// ---- The end ----

void EngineShard::Drain(absl::string_view reason, absl::Duration time,
                        std::function<void()> done) {
  on_stopped_ = std::move(done);
  next_wave_.emplace(loop_->io());
  CloseNextWave(reason, static_cast<int>(
                            std::max<int64_t>(1, time / kDrainWaveInterval)));
}

void EngineShard::CloseNextWave(absl::string_view reason, int waves_left) {
  if (clients_.empty() || waves_left <= 1) return Stop(reason, nullptr);
  std::vector<std::shared_ptr<EngineClient>> wave;
  const size_t count = (clients_.size() + waves_left - 1) / waves_left;
  for (const auto& [id, client] : clients_) {
    if (wave.size() == count) break;
    wave.push_back(client);
  }
  for (const auto& client : wave) client->Shutdown(reason);
  next_wave_->expires_after(absl::ToChronoNanoseconds(kDrainWaveInterval));
  next_wave_->async_wait(
      [this, reason, waves_left](boost::system::error_code error) {
        if (!error) CloseNextWave(reason, waves_left - 1);
      });
}

void EngineShard::Stop(absl::string_view reason, std::function<void()> done) {
  is_stopping_ = true;
  next_wave_.reset();
  if (done) on_stopped_ = std::move(done);
  for (const auto& [id, client] : clients_) client->Shutdown(reason);
  for (HttpConnection* connection : http_connections_) connection->Abandon();
  http_connections_.clear();
  TellIfStopped();
}

void EngineShard::TellIfStopped() {
  if (!is_stopping_ || !clients_.empty() || !websockets_.empty()) return;
  if (on_stopped_) {
    boost::asio::post(loop_->io(), std::exchange(on_stopped_, nullptr));
  }
}

}  // namespace roomlog
