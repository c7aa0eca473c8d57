#include "node/edge_access.h"

#include <optional>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "base/loopback.h"
#include "node/auth/auth_limits.h"

ABSL_FLAG(std::string, auth_keys, "",
          "A file with the public keys by which tokens are signed, as PEM or "
          "JWKS: clients must show a token. Read anew when it changes, and by "
          "SIGHUP.");
ABSL_FLAG(std::string, auth_secret, "",
          "The same, but a file with a secret of at least 32 bytes that is "
          "shared with who signs (HS256).");
ABSL_FLAG(std::string, auth_issuer, "",
          "Tokens must name this as their issuer (iss). Empty: any.");
ABSL_FLAG(std::string, auth_audience, "",
          "Tokens must name this as their audience (aud). Empty: they must "
          "name none.");
ABSL_FLAG(absl::Duration, auth_leeway, absl::Seconds(5),
          "How far the clocks of who signs tokens and of this machine may be "
          "apart.");
ABSL_FLAG(std::string, grant, "",
          "What every user may do, beside what his token grants: rules parted "
          "by ';', such as \"join,history=chat/*;publish=user/{sub}/*\". The "
          "rights are join, publish, history, presence, for users' names in "
          "place of rooms state, state_change and dismiss, and all.");
ABSL_FLAG(std::string, api_keys, "",
          "A file with the keys of the backends that may use the HTTP API "
          "below /api/v1/: lines of a name, a key of at least 32 characters, "
          "and perhaps rules as for --grant. Read anew when it changes, and by "
          "SIGHUP. Empty: the API is off.");
ABSL_FLAG(bool, open, false,
          "Without keys for tokens: listens on other addresses than the "
          "loopback's, for everybody who can reach them.");

// 0 is no limit everywhere below. Without authentication the limits hold only
// if they are given: whoever reaches the loopback owns the machine anyway.
ABSL_FLAG(std::optional<uint32_t>, socket_events, std::nullopt,
          "Events that one socket may send per second, on average; ten times "
          "as many at once. 0: any number. If not given, 100 with "
          "authentication, else 0.");
ABSL_FLAG(uint32_t, socket_rooms, 0,
          "Rooms that one socket may be in. 0: 256, which is the most.");
ABSL_FLAG(uint32_t, user_events, 400,
          "Events that all sockets of a user may send to this node per second, "
          "on average; ten times as many at once. 0: any number.");
ABSL_FLAG(uint32_t, user_rooms, 2048,
          "Rooms that all sockets of a user on this node may be in, together. "
          "0: any number.");
ABSL_FLAG(uint32_t, user_sockets, 64,
          "Sockets that a user may have on this node, each namespace of each "
          "connection being one. 0: any number.");

namespace roomlog {
namespace {

constexpr uint32_t kSocketEventsDefault = 100;
// A page that opens joins its rooms and reads their history at once.
constexpr uint32_t kBurstSeconds = 10;

EventRate RateOf(uint32_t per_second) {
  return {.per_second = static_cast<double>(per_second),
          .burst = static_cast<double>(per_second) * kBurstSeconds};
}

absl::Status Wrong(absl::string_view flag, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("--", flag, ": ", why));
}

}  // namespace

absl::StatusOr<std::unique_ptr<EdgeAccess>> EdgeAccess::FromFlags(
    const std::string& listen, Log log) {
  std::unique_ptr<EdgeAccess> access(new EdgeAccess(std::move(log)));
  absl::Status status = access->OpenKeys();
  if (status.ok()) status = access->OpenApiKeys();
  if (status.ok()) status = access->ReadRules();
  if (!status.ok()) return status;
  if (access->keys_ == nullptr) {
    if (!IsLoopbackAddress(listen) && !absl::GetFlag(FLAGS_open)) {
      return Wrong(
          "listen",
          absl::StrCat(listen,
                       " can be reached from other machines, and anybody there "
                       "could read and write every room: let clients show "
                       "tokens, by --auth_keys or --auth_secret, or say --open "
                       "if that is what you want"));
    }
    access->log_(absl::StrCat(
        "open: without --auth_keys or --auth_secret, whoever reaches ", listen,
        " may read and write every room"));
  }
  access->watch_.Start();
  return access;
}

absl::Status EdgeAccess::OpenKeys() {
  const std::string keys = absl::GetFlag(FLAGS_auth_keys);
  const std::string secret = absl::GetFlag(FLAGS_auth_secret);
  if (keys.empty() && secret.empty()) {
    for (const auto& [flag, is_given] :
         {std::pair("grant", !absl::GetFlag(FLAGS_grant).empty()),
          std::pair("auth_issuer", !absl::GetFlag(FLAGS_auth_issuer).empty()),
          std::pair("auth_audience",
                    !absl::GetFlag(FLAGS_auth_audience).empty())}) {
      if (is_given) {
        return Wrong(flag,
                     "it means nothing without --auth_keys or --auth_secret");
      }
    }
    return absl::OkStatus();
  }
  if (!keys.empty() && !secret.empty()) {
    return Wrong("auth_secret", "it cannot be given beside --auth_keys");
  }
  if (absl::GetFlag(FLAGS_open)) {
    return Wrong("open", "clients must show tokens, so it is not open");
  }
  const std::string& path = keys.empty() ? secret : keys;
  // Before it is read, so that no change is missed.
  watch_.Add(path, [this] {
    const absl::Status read = keys_->Reread();
    log_(read.ok() ? absl::StrCat("the keys in ", keys_->path(),
                                  " were read anew: ", keys_->keys()->size())
                   : absl::StrCat("the keys read before stay in use: ",
                                  read.message()));
  });
  absl::StatusOr<std::unique_ptr<KeyFile>> file = KeyFile::Open(
      path, keys.empty() ? KeyFile::Kind::kSecret : KeyFile::Kind::kPublicKeys);
  if (!file.ok()) {
    return Wrong(keys.empty() ? "auth_secret" : "auth_keys",
                 file.status().message());
  }
  keys_ = *std::move(file);
  return absl::OkStatus();
}

absl::Status EdgeAccess::OpenApiKeys() {
  const std::string path = absl::GetFlag(FLAGS_api_keys);
  if (path.empty()) return absl::OkStatus();
  watch_.Add(path, [this] {
    const absl::Status read = api_keys_->Reread();
    log_(read.ok() ? absl::StrCat("the keys in ", api_keys_->path(),
                                  " were read anew: ", api_keys()->size())
                   : absl::StrCat("the keys read before stay in use: ",
                                  read.message()));
  });
  absl::StatusOr<std::unique_ptr<ApiKeyFile>> file = ApiKeyFile::Open(path);
  if (!file.ok()) return Wrong("api_keys", file.status().message());
  api_keys_ = *std::move(file);
  return absl::OkStatus();
}

absl::Status EdgeAccess::ReadRules() {
  const uint32_t socket_events =
      absl::GetFlag(FLAGS_socket_events)
          .value_or(keys_ == nullptr ? 0 : kSocketEventsDefault);
  rules_ = std::make_unique<RoomAccess>(
      SocketLimits{.events = RateOf(socket_events),
                   .rooms_max = absl::GetFlag(FLAGS_socket_rooms)},
      clock_);
  if (keys_ == nullptr) return absl::OkStatus();

  AuthenticationOptions options;
  options.tokens.issuer = absl::GetFlag(FLAGS_auth_issuer);
  options.tokens.audience = absl::GetFlag(FLAGS_auth_audience);
  options.tokens.leeway = absl::GetFlag(FLAGS_auth_leeway);
  if (options.tokens.leeway < absl::ZeroDuration() ||
      options.tokens.leeway > kLeewayMax) {
    return Wrong("auth_leeway", absl::StrCat("it must be from 0 to ",
                                             absl::FormatDuration(kLeewayMax)));
  }
  absl::StatusOr<Grants> grants = Grants::Parse(absl::GetFlag(FLAGS_grant));
  if (!grants.ok()) return Wrong("grant", grants.status().message());
  options.grants = *std::move(grants);
  options.users = {.events = RateOf(absl::GetFlag(FLAGS_user_events)),
                   .rooms_max = absl::GetFlag(FLAGS_user_rooms),
                   .sockets_max = absl::GetFlag(FLAGS_user_sockets)};
  authentication_ = std::make_unique<Authentication>(
      std::move(options), [this] { return keys_->keys(); }, clock_);
  return absl::OkStatus();
}

void EdgeAccess::Protect(const Namespace& name_space) {
  if (authentication_ != nullptr) return authentication_->Protect(name_space);
  // Whoever may do everything anyway is taken at his word, so that others see
  // who is there.
  Namespace(name_space).Use([](Socket& socket, const Next& next) {
    const absl::string_view user = socket.Handshake().auth["user"].AsString();
    if (user.size() <= kUserNameBytesMax) socket.SetUser(user);
    next();
  });
}

}  // namespace roomlog
