// roomlog-edge: a ready edge node: Socket.IO clients on one side, the broker on
// the other, and the room application between.
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/usage.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/curve_key.h"
#include "base/limits.h"
#include "base/program_flags.h"
#include "node/api/http_api.h"
#include "node/application/room_application.h"
#include "node/edge_access.h"
#include "node/link/link_keys.h"
#include "node/server/server.h"
#include "spdlog/sinks/stdout_color_sinks.h"
#include "spdlog/spdlog.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:8080",
          "Where clients connect. Port 0 takes a free one.");
ABSL_FLAG(
    std::string, broker, "tcp://127.0.0.1:7400",
    "Where the broker listens. It may be started later. \"none\": the node "
    "runs alone, and forgets all when it ends.");
ABSL_FLAG(std::string, key_file, "",
          "This node's secret key, from roomlog-keygen, by which the broker "
          "knows it. Empty: the link is not encrypted.");
ABSL_FLAG(std::string, broker_key, "",
          "The broker's public key, 64 hexadecimal digits. With --key_file.");
ABSL_FLAG(std::string, static, "",
          "A directory whose files are served to browsers. Empty: none.");
ABSL_FLAG(std::string, client, "",
          "The directory of socket.io.js, served below /socket.io/: "
          "node_modules/socket.io-client/dist. Empty: it is not served.");
ABSL_FLAG(std::string, certificate, "",
          "A PEM file with the certificate and those above it: speaks TLS. "
          "SIGHUP reads it anew.");
ABSL_FLAG(std::string, key, "", "A PEM file with the certificate's key.");
ABSL_FLAG(std::vector<std::string>, cors_origins, {},
          "Pages of these origins may connect, by commas, and no others; * "
          "lets all. Without any, pages from elsewhere cannot poll, but "
          "WebSockets know no such rule.");
ABSL_FLAG(std::vector<std::string>, trusted_proxies, {},
          "Addresses and networks of balancers, by commas, such as "
          "10.0.0.0/8: what they say by X-Forwarded-For and X-Forwarded-Proto "
          "is taken for where a client is, and whether it speaks TLS. Nobody "
          "else's word is.");
ABSL_FLAG(uint32_t, threads, 1, "Event loops, each with its own thread.");
ABSL_FLAG(
    absl::Duration, drain_time, absl::Seconds(5),
    "SIGTERM closes the clients a few at a time within this, so that they "
    "come to the other nodes one after another; 0 closes all at once. "
    "SIGINT, or a second signal, does not wait.");
ABSL_FLAG(absl::Duration, recovery_window, absl::Minutes(2),
          "How long a client that was cut off may stay away and still get, on "
          "any node, what it missed, without asking for it; 0: it may not.");
ABSL_FLAG(bool, follow_namespaces, false,
          "For edges beside servers of your own: what those say to whole "
          "namespaces or to single sockets reaches the clients here, and they "
          "find and disconnect them. Each client costs a little more.");
ABSL_FLAG(std::string, name, "",
          "What people call this node. Empty: host name and port.");

namespace roomlog {
namespace {

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "edge";
}

std::string NodeName() {
  const std::string name = absl::GetFlag(FLAGS_name);
  if (!name.empty()) return name;
  const std::string listen = absl::GetFlag(FLAGS_listen);
  return absl::StrCat(HostName(), ":",
                      listen.substr(listen.find_last_of(':') + 1));
}

void LogLine(absl::string_view line) {
  spdlog::info(std::string_view(line.data(), line.size()));
}

// Each client needs a descriptor, and the usual bound is far below kClientsMax:
// takes as many as the system lets this process have.
void RaiseDescriptorLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

absl::StatusOr<std::optional<LinkKeys>> ReadLinkKeys() {
  const std::string file = absl::GetFlag(FLAGS_key_file);
  const std::string broker = absl::GetFlag(FLAGS_broker_key);
  if (file.empty() != broker.empty()) {
    return absl::InvalidArgumentError(
        "--key_file and --broker_key are given together or not at all");
  }
  if (file.empty()) return std::nullopt;
  absl::StatusOr<CurveKeyPair> own = CurveKeyPair::ReadFile(file);
  if (!own.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--key_file: ", own.status().message()));
  }
  absl::StatusOr<CurvePublicKey> theirs = CurvePublicKey::Parse(broker);
  if (!theirs.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--broker_key: ", theirs.status().message()));
  }
  return LinkKeys{*std::move(own), *std::move(theirs)};
}

// As browsers write them: a scheme, a host and perhaps a port. What is written
// in another way would keep everybody out.
absl::Status CheckOrigins(const std::vector<std::string>& origins) {
  for (const std::string& origin : origins) {
    const size_t scheme = origin.find("://");
    if (scheme != 0 && scheme != origin.npos && scheme + 3 < origin.size() &&
        origin.find_first_of("/ *", scheme + 3) == origin.npos &&
        origin == absl::AsciiStrToLower(origin)) {
      continue;
    }
    return absl::InvalidArgumentError(
        absl::StrCat("--cors_origins: ", origin,
                     " is no origin, such as https://app.example or "
                     "http://localhost:8080; a * for all stands alone"));
  }
  return absl::OkStatus();
}

absl::Status Run() {
  RaiseDescriptorLimit();
  const std::string name = NodeName();
  ServerOptions options;
  options.listen = absl::GetFlag(FLAGS_listen);
  options.broker = absl::GetFlag(FLAGS_broker);
  absl::StatusOr<std::optional<LinkKeys>> link_keys = ReadLinkKeys();
  if (!link_keys.ok()) return link_keys.status();
  options.link_keys = *std::move(link_keys);
  options.name = name;
  options.engine.static_directory = absl::GetFlag(FLAGS_static);
  options.engine.client_directory = absl::GetFlag(FLAGS_client);
  options.engine.threads = absl::GetFlag(FLAGS_threads);
  absl::StatusOr<TrustedProxies> proxies =
      TrustedProxies::Parse(absl::GetFlag(FLAGS_trusted_proxies));
  if (!proxies.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--trusted_proxies: ", proxies.status().message()));
  }
  options.engine.trusted_proxies = *std::move(proxies);
  const std::string certificate = absl::GetFlag(FLAGS_certificate);
  const std::string key = absl::GetFlag(FLAGS_key);
  if (certificate.empty() != key.empty()) {
    return absl::InvalidArgumentError(
        "--certificate and --key are given together or not at all");
  }
  if (!key.empty()) options.engine.tls.emplace(TlsOptions{certificate, key});
  const std::vector<std::string> origins = absl::GetFlag(FLAGS_cors_origins);
  if (origins == std::vector<std::string>{"*"}) {
    options.engine.cors.emplace();
  } else if (!origins.empty()) {
    const absl::Status checked = CheckOrigins(origins);
    if (!checked.ok()) return checked;
    options.engine.cors.emplace();
    options.engine.cors->origins = origins;
    options.engine.cors->credentials = true;
    // CORS keeps pages from reading answers; this keeps them out.
    options.engine.handshake.allowed_origins = origins;
  }
  options.drain_time = absl::GetFlag(FLAGS_drain_time);
  const absl::Duration window = absl::GetFlag(FLAGS_recovery_window);
  if (window != absl::ZeroDuration()) {
    if (window < absl::Seconds(1) || window > kRecoveryWindowMax) {
      return absl::InvalidArgumentError(
          absl::StrCat("--recovery_window must be 0, or from 1s to ",
                       absl::FormatDuration(kRecoveryWindowMax), "; it is ",
                       absl::FormatDuration(window)));
    }
    options.recovery.emplace(RecoveryOptions{.window = window});
  }
  // The application itself speaks of rooms, never of a whole namespace.
  options.follow_namespaces = absl::GetFlag(FLAGS_follow_namespaces);
  options.log = LogLine;

  absl::StatusOr<std::unique_ptr<EdgeAccess>> access =
      EdgeAccess::FromFlags(options.listen, LogLine);
  if (!access.ok()) return access.status();
  options.on_hangup = [&access = **access] { access.Hangup(); };

  HttpApi api([&access = **access] { return access.api_keys(); });
  options.engine.routes.push_back(api.Route());

  RoomApplication application(name, &(*access)->rules());
  Server server(std::move(options));
  api.Serve(server);
  const Namespace others = server.Of([](absl::string_view) { return true; });
  for (const Namespace& name_space : {Namespace(server), others}) {
    (*access)->Protect(name_space);
    application.Serve(name_space);
  }
  return server.Run([&name](uint16_t port) {
    const std::string listen = absl::GetFlag(FLAGS_listen);
    const std::string address =
        absl::StrCat(listen.substr(0, listen.find_last_of(':')), ":", port);
    // The one line on standard output says that the edge takes clients.
    const char* const scheme =
        absl::GetFlag(FLAGS_key).empty() ? "http" : "https";
    std::printf("roomlog-edge listening on %s://%s\n", scheme, address.c_str());
    std::fflush(stdout);
    spdlog::info("{} listening on {}://{}, broker at {}", name, scheme, address,
                 absl::GetFlag(FLAGS_broker));
  });
}

}  // namespace
}  // namespace roomlog

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "Serves Socket.IO clients, and shares their rooms with the cluster.\n"
      "  roomlog-edge [--listen=127.0.0.1:8080] "
      "[--broker=tcp://127.0.0.1:7400] [--static=DIR]");
  spdlog::set_default_logger(spdlog::stderr_color_mt("edge"));
  absl::Status status = roomlog::ParseProgramFlags(argc, argv);
  if (status.ok()) status = roomlog::Run();
  if (!status.ok()) {
    std::fprintf(stderr, "roomlog-edge: %s\n",
                 std::string(status.message()).c_str());
    return 1;
  }
  return 0;
}
