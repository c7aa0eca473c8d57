#include "node/engineio/engine_server.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "absl/strings/match.h"

namespace roomlog {

EngineServer::EngineServer(EngineOptions options, boost::asio::io_context& io,
                           MakeHandler make_handler)
    : options_(std::move(options)),
      make_handler_(std::move(make_handler)),
      loop_(std::make_shared<EngineLoop>(io)),
      listener_(loop_,
                [this](TcpSocket socket) { OnConnection(std::move(socket)); }),
      handshake_rules_{.allowed_origins = options_.allowed_origins,
                       .is_session = [this](absl::string_view id) {
                         return sessions_.contains(id);
                       }} {}

EngineServer::~EngineServer() {
  for (HttpConnection* connection : http_connections_) connection->Abandon();
  for (const auto& [id, connection] : sessions_) connection->Abandon();
  loop_->Clear();
}

absl::StatusOr<uint16_t> EngineServer::Start(const std::string& address) {
  if (!options_.static_directory.empty()) {
    absl::StatusOr<StaticFiles> files =
        StaticFiles::Open(options_.static_directory);
    if (!files.ok()) return files.status();
    static_files_ = *std::move(files);
  }
  return listener_.Listen(address);
}

void EngineServer::Stop(absl::string_view reason, std::function<void()> done) {
  is_stopping_ = true;
  on_stopped_ = std::move(done);
  listener_.Close();
  for (HttpConnection* connection : http_connections_) connection->Abandon();
  http_connections_.clear();
  for (const auto& [id, connection] : sessions_) connection->Shutdown(reason);
  if (sessions_.empty()) boost::asio::post(loop_->io(), on_stopped_);
}

HttpAnswer EngineServer::Answer(const HttpRequest& request) {
  const absl::string_view path = request.path();
  if (absl::StartsWith(path, options_.path)) {
    HttpAnswer answer = AnswerHandshake(request, handshake_rules_);
    if (answer.status == 101 && sessions_.size() >= options_.clients_max) {
      answer = TextAnswer(503, "too many clients");
      answer.closes = true;
    }
    return answer;
  }
  if (path == "/healthz") return AnswerHealth(request);
  if (static_files_.has_value()) return static_files_->Answer(request);
  return TextAnswer(404, "not found");
}

HttpAnswer EngineServer::AnswerHealth(const HttpRequest& request) const {
  if (!request.is_read()) {
    HttpAnswer answer = TextAnswer(405, "only GET and HEAD");
    answer.headers.emplace_back("Allow", "GET, HEAD");
    return answer;
  }
  Health health = options_.health ? options_.health() : Health();
  HttpAnswer answer;
  answer.status = health.is_healthy ? 200 : 503;
  answer.content_type = "application/json";
  answer.headers.emplace_back("Cache-Control", "no-store");
  answer.body = std::move(health.json);
  return answer;
}

void EngineServer::OnConnection(TcpSocket socket) {
  if (http_connections_.size() >= kHttpConnectionsMax) return;  // Closes it.
  const auto connection = std::make_shared<HttpConnection>(
      std::move(socket), *this, options_.header_time);
  http_connections_.insert(connection.get());
  connection->Start();
}

void EngineServer::OnHttpGone(HttpConnection& connection) {
  http_connections_.erase(&connection);
}

void EngineServer::OnUpgraded(TcpSocket socket, std::string early) {
  // Others may have come while the answer was on its way.
  if (sessions_.size() >= options_.clients_max) return;
  const auto connection = std::make_shared<WebSocketConnection>(
      loop_, std::move(socket), ids_.Next(), options_.times,
      options_.message_bytes_max,
      [this](WebSocketConnection& gone) { OnSessionGone(gone); });
  sessions_.emplace(connection->session_id(), connection);
  connection->Start(make_handler_, std::move(early));
}

void EngineServer::OnSessionGone(WebSocketConnection& connection) {
  sessions_.erase(connection.session_id());
  if (is_stopping_ && sessions_.empty()) {
    boost::asio::post(loop_->io(), on_stopped_);
  }
}

}  // namespace roomlog
