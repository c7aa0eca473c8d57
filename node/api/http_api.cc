#include "node/api/http_api.h"

#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/json.h"
#include "node/api/api_limits.h"
#include "node/api/openapi.h"
#include "node/server/loop_port.h"

namespace roomlog {
namespace {

// Answers of the room application are the arguments of an acknowledgement, of
// which there is one.
std::string WithoutBrackets(std::string array) {
  array.pop_back();
  array.erase(0, 1);
  return array;
}

std::string PublishedJson(const absl::StatusOr<Published>& published) {
  if (!published.ok()) return ToJson(ErrorOf(RefusalOf(published.status())));
  return WithoutBrackets(
      PublishAnswerJson(published->position, published->duplicate));
}

ApiError Forbidden(const ApiAccess& access, Right right, const RoomKey& room) {
  return ErrorOf(
      {ErrorCode::kForbidden,
       absl::StrCat("the key ", access.name, " does not grant ", NameOf(right),
                    " of ", room.room(), " in ", room.name_space())});
}

}  // namespace

// A request that is not answered yet. Who is to answer it holds it; its client
// may leave meanwhile.
class HttpApi::Call final : public ExchangeOwner,
                            public std::enable_shared_from_this<Call> {
 public:
  Call(HttpApi& api, std::shared_ptr<HttpExchange> exchange)
      : api_(api), exchange_(std::move(exchange)), loop_(LoopPort::current()) {
    ++api_.unanswered_;
  }
  ~Call() override {
    --api_.unanswered_;
    if (exchange_ != nullptr) exchange_->SetOwner(nullptr);
  }

  // What it may, once it has shown a key.
  std::shared_ptr<const ApiAccess> access;

  bool Allows(Right right, const RoomKey& room) const {
    return access->Allows(right, room.name_space(), room.room());
  }

  void Answer(int status, std::string json, HttpHeaders headers = {}) {
    if (exchange_ == nullptr) return;
    HttpAnswer answer;
    answer.status = status;
    answer.content_type = "application/json";
    answer.body = std::move(json);
    answer.headers = std::move(headers);
    answer.headers.emplace_back("Cache-Control", "no-store");
    std::exchange(exchange_, nullptr)->Answer(std::move(answer));
  }
  void Refuse(const ApiError& error, HttpHeaders headers = {}) {
    Answer(error.status, ToJson(error), std::move(headers));
  }

  // Goes on once the body is there.
  void ReadBody(ApiMatch match) {
    match_ = std::move(match);
    held_ = shared_from_this();
    exchange_->ReadBody(kApiBodyBytesMax);
  }
  ApiRequest Read(const ApiMatch& match, absl::string_view body) const {
    return match.route->read({match.names, exchange_->request().query(), body});
  }

  // ExchangeOwner
  void OnBody(HttpExchange&, absl::string_view body) override {
    const LoopPort::Scope scope(loop_);
    const CallPtr held = std::exchange(held_, nullptr);
    api_.Do(held, Read(match_, body));
  }
  void OnBodyTooLarge(HttpExchange&) override {
    const CallPtr held = std::exchange(held_, nullptr);
    Refuse(ErrorOf(
        {ErrorCode::kTooLarge,
         absl::StrCat("a body is at most ", kApiBodyBytesMax, " bytes")}));
  }
  void OnAborted(HttpExchange&) override {
    const CallPtr held = std::exchange(held_, nullptr);
    exchange_.reset();
  }

 private:
  HttpApi& api_;
  std::shared_ptr<HttpExchange> exchange_;  // Null: answered, or gone.
  LoopPort* const loop_;
  ApiMatch match_ = {};
  CallPtr held_;  // While the body is read, nobody else holds it.
};

HttpRoute HttpApi::Route() {
  return {std::string(kApiPrefix),
          [this](std::shared_ptr<HttpExchange> exchange, size_t) {
            Handle(std::move(exchange));
          }};
}

std::shared_ptr<const ApiAccess> HttpApi::AccessOf(
    const HttpRequest& request) const {
  constexpr absl::string_view kBearer = "Bearer ";
  const absl::string_view shown = request.headers.Find("Authorization");
  if (!absl::StartsWithIgnoreCase(shown, kBearer)) return nullptr;
  const std::shared_ptr<const ApiKeys> keys = keys_();
  return keys->Find(shown.substr(kBearer.size()));
}

void HttpApi::Handle(std::shared_ptr<HttpExchange> exchange) {
  const HttpRequest& request = exchange->request();
  const auto call = std::make_shared<Call>(*this, exchange);
  exchange->SetOwner(call.get());
  if (keys_ == nullptr || keys_() == nullptr) {
    return call->Refuse({404, "not_found",
                         "the HTTP API is off on this node: --api_keys gives "
                         "it the keys of those who may use it"});
  }
  auto matched = MatchApiRoute(request.method, request.path());
  auto* const match = std::get_if<ApiMatch>(&matched);
  if (match != nullptr && match->route->is_public) {
    return Do(call, call->Read(*match, ""));
  }
  call->access = AccessOf(request);
  if (call->access == nullptr) {
    return call->Refuse({401, "unauthorized",
                         "show a key of this node: Authorization: Bearer KEY"},
                        {{"WWW-Authenticate", "Bearer"}});
  }
  if (match == nullptr) return call->Refuse(std::get<ApiError>(matched));
  if (unanswered_ > kApiUnansweredMax) {
    return call->Refuse(
        ErrorOf({ErrorCode::kLimit, "too many requests are unanswered"}),
        {{"Retry-After", "1"}});
  }
  if (match->route->takes_body) return call->ReadBody(std::move(*match));
  Do(call, call->Read(*match, ""));
}

void HttpApi::Do(const CallPtr& call, ApiRequest request) {
  std::visit([&](auto each) { On(call, std::move(each)); }, std::move(request));
}

void HttpApi::On(const CallPtr& call, ClientPublish publish) {
  if (!call->Allows(Right::kPublish, publish.room)) {
    return call->Refuse(
        Forbidden(*call->access, Right::kPublish, publish.room));
  }
  const Namespace name_space = server_->Of(publish.room.name_space());
  name_space.PublishPacket(
      std::move(publish.room), std::move(publish.packet),
      {.id = std::move(publish.id)},
      [call](const absl::StatusOr<Published>& published) {
        const int status = published.ok()
                               ? 200
                               : ErrorOf(RefusalOf(published.status())).status;
        call->Answer(status, PublishedJson(published));
      });
}

void HttpApi::On(const CallPtr& call, ApiBatch batch) {
  struct Results {
    std::vector<std::string> json;
    size_t open = 0;
  };
  const auto results = std::make_shared<Results>();
  results->json.resize(batch.events.size());
  results->open = batch.events.size();
  if (batch.events.empty()) {
    return call->Answer(200, R"({"ok":true,"results":[]})");
  }
  const auto set = [call, results](size_t index, std::string json) {
    results->json[index] = std::move(json);
    if (--results->open > 0) return;
    call->Answer(200, absl::StrCat(R"({"ok":true,"results":[)",
                                   absl::StrJoin(results->json, ","), "]}"));
  };
  for (size_t i = 0; i < batch.events.size(); ++i) {
    if (const auto* error = std::get_if<ApiError>(&batch.events[i])) {
      set(i, ToJson(*error));
      continue;
    }
    auto& publish = std::get<ClientPublish>(batch.events[i]);
    if (!call->Allows(Right::kPublish, publish.room)) {
      set(i, ToJson(Forbidden(*call->access, Right::kPublish, publish.room)));
      continue;
    }
    const Namespace name_space = server_->Of(publish.room.name_space());
    name_space.PublishPacket(
        std::move(publish.room), std::move(publish.packet),
        {.id = std::move(publish.id)},
        [set, i](const absl::StatusOr<Published>& published) {
          set(i, PublishedJson(published));
        });
  }
}

void HttpApi::On(const CallPtr& call, ClientHistory history) {
  if (!call->Allows(Right::kHistory, history.room)) {
    return call->Refuse(
        Forbidden(*call->access, Right::kHistory, history.room));
  }
  const Namespace name_space = server_->Of(history.room.name_space());
  name_space.History(
      std::move(history), [call](const absl::StatusOr<HistoryAnswer>& page) {
        if (!page.ok()) return call->Refuse(ErrorOf(RefusalOf(page.status())));
        call->Answer(200, WithoutBrackets(HistoryAnswerJson(*page)));
      });
}

void HttpApi::On(const CallPtr& call, ClientPresence presence) {
  if (!call->Allows(Right::kPresence, presence.room)) {
    return call->Refuse(
        Forbidden(*call->access, Right::kPresence, presence.room));
  }
  const Namespace name_space = server_->Of(presence.room.name_space());
  const std::string room(presence.room.room());
  const PresenceQuery::What what = presence.query.what;
  name_space.Presence(
      room, std::move(presence.query),
      [call, room, what](const absl::StatusOr<MembersPage>& page) {
        if (!page.ok()) return call->Refuse(ErrorOf(RefusalOf(page.status())));
        call->Answer(200,
                     WithoutBrackets(PresenceAnswerJson(room, what, *page)));
      });
}

void HttpApi::On(const CallPtr& call, ApiRooms rooms) {
  const Namespace name_space = server_->Of(rooms.name_space);
  name_space.Presence(
      "", std::move(rooms.query),
      [call, name = rooms.name_space](const absl::StatusOr<MembersPage>& page) {
        if (!page.ok()) return call->Refuse(ErrorOf(RefusalOf(page.status())));
        std::vector<std::string> listed;
        for (const MembersPage::Room& room : page->rooms) {
          if (!call->access->Allows(Right::kPresence, name, room.name)) {
            continue;
          }
          listed.push_back(absl::StrCat(R"({"room":)", Quote(room.name),
                                        R"(,"sockets":)", room.sockets,
                                        R"(,"users":)", room.users, "}"));
        }
        // Beyond the last that was looked at, whether or not it is shown.
        const bool more = page->more && !page->rooms.empty();
        call->Answer(
            200,
            absl::StrCat(R"({"ok":true,"offset":")", FormatPosition(page->at),
                         R"(","rooms":[)", absl::StrJoin(listed, ","),
                         R"(],"next":)",
                         more ? Quote(page->rooms.back().name) : "null", "}"));
      });
}

void HttpApi::On(const CallPtr& call, ApiUserState request) {
  ClientUserState& state = request.state;
  using Change = ClientUserState::Change;
  const Right right =
      state.change == Change::kNone ? Right::kState : Right::kStateChange;
  if (!call->access->Allows(right, request.name_space, state.user)) {
    return call->Refuse(ErrorOf(
        {ErrorCode::kForbidden,
         absl::StrCat("the key ", call->access->name, " does not grant ",
                      NameOf(right), " of the user ", state.user, " in ",
                      request.name_space)}));
  }
  const User user = server_->Of(request.name_space).User(state.user);
  if (state.change == Change::kNone) {
    return user.GetState(
        [call, name = user.name()](const absl::StatusOr<UserState>& found) {
          if (!found.ok())
            return call->Refuse(ErrorOf(RefusalOf(found.status())));
          call->Answer(200, WithoutBrackets(UserStateAnswerJson(name, *found)));
        });
  }
  const auto done = [call](const absl::StatusOr<UserChanged>& changed) {
    if (absl::IsNotFound(changed.status())) {
      return call->Answer(200,
                          WithoutBrackets(UserChangedAnswerJson(std::nullopt)));
    }
    if (!changed.ok()) {
      return call->Refuse(ErrorOf(RefusalOf(changed.status())));
    }
    call->Answer(200, WithoutBrackets(UserChangedAnswerJson(*changed)));
  };
  if (state.change == Change::kSet) {
    user.SetState(state.json, std::move(state.options), done);
  } else if (state.change == Change::kMerge) {
    user.MergeState(state.json, std::move(state.options), done);
  } else {
    user.RemoveState(std::move(state.options), done);
  }
}

void HttpApi::On(const CallPtr& call, ApiDismissal dismissal) {
  const bool is_socket = dismissal.user.empty();
  const std::string& name = is_socket ? dismissal.socket_id : dismissal.user;
  // A user is the same in all namespaces.
  const std::string& name_space = is_socket ? dismissal.name_space : "/";
  if (!call->access->Allows(Right::kDismiss, name_space, name)) {
    return call->Refuse(ErrorOf(
        {ErrorCode::kForbidden,
         absl::StrCat("the key ", call->access->name, " does not grant ",
                      NameOf(Right::kDismiss), " of ", name)}));
  }
  const auto done = [call](const absl::Status& status) {
    if (!status.ok()) return call->Refuse(ErrorOf(RefusalOf(status)));
    call->Answer(200, R"({"ok":true})");
  };
  if (is_socket) {
    server_->Of(name_space).DisconnectSocket(name, done);
  } else if (dismissal.revokes) {
    server_->User(name).Revoke(done);
  } else {
    server_->User(name).Disconnect(done);
  }
}

void HttpApi::On(const CallPtr& call, ApiDescription) {
  call->Answer(200, std::string(kOpenApiJson));
}

void HttpApi::On(const CallPtr& call, ApiError error) { call->Refuse(error); }

}  // namespace roomlog
