// engine_echo: a bare Engine.IO server that says back every message.
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "examples/engine_echo.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:0",
          "Where clients connect. Port 0 takes a free one.");
ABSL_FLAG(std::string, path, "/engine.io/", "Where Engine.IO is spoken.");
ABSL_FLAG(absl::Duration, ping_interval, absl::Seconds(25),
          "How often a client is asked whether it is there.");
ABSL_FLAG(absl::Duration, ping_timeout, absl::Seconds(20),
          "How long it may take to answer.");
ABSL_FLAG(absl::Duration, header_time, absl::Seconds(10),
          "How long a client may take for the head of its first request.");
ABSL_FLAG(uint32_t, max_payload, 1'000'000, "Bytes of a client's message.");
ABSL_FLAG(uint32_t, threads, 1, "Event loops.");
ABSL_FLAG(uint32_t, clients_max, 100'000, "Clients; one more gets 503.");
ABSL_FLAG(bool, fan_out, false,
          "Each message goes to every client, instead of back alone.");
ABSL_FLAG(bool, cookie, false, "Sets the cookie `io` to the session's id.");
ABSL_FLAG(bool, cors, false, "Lets any page read answers.");
ABSL_FLAG(std::vector<std::string>, cors_origins, {},
          "Lets pages of these origins read answers, with credentials.");
ABSL_FLAG(std::string, forbid, "",
          "Refuses requests whose User-Agent this is.");
ABSL_FLAG(bool, deflate, false, "Compresses messages on WebSockets.");
ABSL_FLAG(std::string, certificate, "", "PEM; with --key, speaks TLS.");
ABSL_FLAG(std::string, key, "", "PEM.");
ABSL_FLAG(std::string, client_directory, "", "Where socket.io.js lies.");

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  roomlog::EngineEchoOptions options;
  options.listen = absl::GetFlag(FLAGS_listen);
  options.fans_out = absl::GetFlag(FLAGS_fan_out);
  roomlog::EngineOptions& engine = options.engine;
  engine.path = absl::GetFlag(FLAGS_path);
  engine.times = {.ping_interval = absl::GetFlag(FLAGS_ping_interval),
                  .ping_timeout = absl::GetFlag(FLAGS_ping_timeout)};
  engine.header_time = absl::GetFlag(FLAGS_header_time);
  engine.message_bytes_max = absl::GetFlag(FLAGS_max_payload);
  engine.threads = absl::GetFlag(FLAGS_threads);
  engine.clients_max = absl::GetFlag(FLAGS_clients_max);
  engine.compresses_websocket = absl::GetFlag(FLAGS_deflate);
  engine.client_directory = absl::GetFlag(FLAGS_client_directory);
  if (absl::GetFlag(FLAGS_cookie)) engine.cookie.emplace();
  if (absl::GetFlag(FLAGS_cors)) engine.cors.emplace();
  const std::vector<std::string> origins = absl::GetFlag(FLAGS_cors_origins);
  if (!origins.empty()) {
    engine.cors.emplace();
    engine.cors->origins = origins;
    engine.cors->credentials = true;
  }
  const std::string forbidden = absl::GetFlag(FLAGS_forbid);
  if (!forbidden.empty()) {
    engine.handshake.allow_request =
        [forbidden](
            const roomlog::HttpRequest& request) -> std::optional<std::string> {
      if (request.headers.Find("User-Agent") != forbidden) return std::nullopt;
      return "not you";
    };
  }
  if (!absl::GetFlag(FLAGS_certificate).empty()) {
    engine.tls = {.certificate_file = absl::GetFlag(FLAGS_certificate),
                  .key_file = absl::GetFlag(FLAGS_key)};
  }
  return roomlog::RunEngineEcho(std::move(options));
}
