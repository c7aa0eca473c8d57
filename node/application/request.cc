#include "node/application/request.h"

#include <array>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/presence_limits.h"
#include "node/rooms/client_offset.h"
#include "node/rooms/direct_room.h"
#include "node/rooms/room_packet.h"

namespace roomlog {
namespace {

using simdjson::dom::element;

// The name, and what `publish` takes at most: room, event, data and options.
constexpr size_t kArgumentsMax = 5;

// For messages: short, and plain ASCII whatever the client sent.
std::string Quoted(absl::string_view text) {
  constexpr size_t kShownMax = 64;
  return absl::StrCat("\"", absl::CHexEscape(text.substr(0, kShownMax)),
                      text.size() > kShownMax ? "..." : "", "\"");
}

absl::string_view View(std::string_view text) {
  return {text.data(), text.size()};
}

// The arguments of one request, read one after the other. Remembers the first
// thing that is wrong; what is read after that is empty and of no interest.
class Arguments {
 public:
  Arguments(absl::string_view name_space, absl::string_view event,
            const Args& args, simdjson::dom::parser& parser)
      : name_space_(name_space), event_(event), parser_(parser) {
    if (!args.attachments().empty()) {
      Refuse(ErrorCode::kBadRequest, "binary data is not taken; encode it");
    }
    std::optional<std::vector<absl::string_view>> texts =
        Elements(args.array(), kArgumentsMax);
    if (texts.has_value()) {
      texts_ = *std::move(texts);
    } else {
      Refuse(ErrorCode::kBadRequest,
             absl::StrCat(event, " takes fewer arguments"));
    }
  }

  void Refuse(ErrorCode code, std::string message) {
    if (!refusal_.has_value()) refusal_ = Refusal{code, std::move(message)};
  }

  // What was read, or what is wrong with it.
  template <typename Request>
  ClientRequest Result(Request request) {
    if (refusal_.has_value()) return *std::move(refusal_);
    return request;
  }

  // `wanted` is such as "a room and options".
  void CheckCount(size_t count_max, absl::string_view wanted) {
    if (texts_.size() <= count_max + 1) return;
    Refuse(ErrorCode::kBadRequest,
           absl::StrCat(event_, " takes ", wanted, ", not ", texts_.size() - 1,
                        " arguments"));
  }

  RoomKey Room() { return Room(/*may_be_all=*/false); }
  // With `may_be_all` the empty name is taken, which is the namespace's.
  RoomKey Room(bool may_be_all) {
    const std::string name = String(Next(), ErrorCode::kBadRoom, "the room");
    if (name.empty() && !may_be_all) {
      Refuse(ErrorCode::kBadRoom, "a room needs a name");
    }
    if (IsReservedRoom(name)) {
      Refuse(ErrorCode::kBadRoom,
             absl::StrCat("the room name ", Quoted(name), " is reserved"));
    }
    absl::StatusOr<RoomKey> room = RoomKey::Make(name_space_, name);
    if (room.ok()) return *std::move(room);
    Refuse(ErrorCode::kBadRoom, std::string(room.status().message()));
    return RoomKey();
  }

  // Empty for null: the socket's own.
  std::string UserName() {
    const absl::string_view text = Next();
    if (text.empty() || text == "null") return "";
    std::string name = String(text, ErrorCode::kBadRequest, "the user");
    if (name.empty()) {
      Refuse(ErrorCode::kBadRequest, "a user needs a name");
    }
    return name;
  }

  std::string EventName() {
    // Socket.IO's own, which its clients refuse to emit or would take amiss.
    static constexpr std::array<absl::string_view, 6> kReserved = {
        "connect",       "connect_error", "disconnect",
        "disconnecting", "newListener",   "removeListener"};
    std::string name = String(Next(), ErrorCode::kBadEvent, "the event name");
    if (name.empty()) Refuse(ErrorCode::kBadEvent, "an event needs a name");
    if (name.size() > kEventNameBytesMax) {
      Refuse(ErrorCode::kBadEvent,
             absl::StrCat("an event name of ", name.size(),
                          " bytes is longer than ", kEventNameBytesMax));
    }
    if (absl::c_linear_search(kReserved, name) ||
        absl::StartsWith(name, "roomlog:")) {
      Refuse(ErrorCode::kBadEvent,
             absl::StrCat("the event name ", Quoted(name), " is reserved"));
    }
    return name;
  }

  // Any JSON value, as it came; null if there is none.
  absl::string_view Data() {
    const absl::string_view text = Next();
    return text.empty() ? "null" : text;
  }

  // Calls `take` with each option. Absent and null are no options.
  void ForEachOption(absl::FunctionRef<void(absl::string_view, element)> take) {
    const absl::string_view text = Next();
    if (text.empty() || text == "null") return;
    simdjson::dom::object options;
    if (text[0] != '{') {
      Refuse(ErrorCode::kBadRequest,
             absl::StrCat("options must be an object, not ", Quoted(text)));
    } else if (const simdjson::error_code error =
                   parser_.parse(text.data(), text.size()).get(options)) {
      Refuse(
          ErrorCode::kBadRequest,
          absl::StrCat("unreadable options: ", simdjson::error_message(error)));
    } else {
      for (const auto option : options) take(View(option.key), option.value);
    }
  }

  // An option of the last ForEachOption(), as it was written.
  std::string OptionText(absl::string_view key) const {
    std::string text;
    const auto options =
        Members(texts_[next_ - 1], std::numeric_limits<size_t>::max());
    for (const auto& [name, value] : *options) {
      if (name == key) text = std::string(value);
    }
    return text;
  }

  void RefuseOption(absl::string_view key, absl::string_view known) {
    Refuse(ErrorCode::kBadRequest,
           absl::StrCat("unknown option ", Quoted(key), ", not ", known));
  }

  // The value of an option: a whole number, however the client's language
  // writes it (5, 5.0 or 5e0).
  int64_t Integer(absl::string_view key, element value) {
    int64_t integer = 0;
    if (!value.get(integer)) return integer;
    constexpr double kExactMax = 9007199254740992;  // 2^53
    double number = 0;
    if (!value.get(number) && number == std::floor(number) &&
        std::abs(number) <= kExactMax) {
      return static_cast<int64_t>(number);
    }
    Refuse(ErrorCode::kBadRequest,
           absl::StrCat(key, " must be a whole number"));
    return 0;
  }

  size_t Count(absl::string_view key, element value, size_t min, size_t max) {
    const int64_t count = Integer(key, value);
    if (count >= static_cast<int64_t>(min) &&
        count <= static_cast<int64_t>(max)) {
      return static_cast<size_t>(count);
    }
    Refuse(ErrorCode::kBadRequest, absl::StrCat(key, " must be from ", min,
                                                " to ", max, ", not ", count));
    return min;
  }

  Position OffsetOf(absl::string_view key, element value) {
    std::string_view text;
    if (value.get(text)) {
      Refuse(ErrorCode::kBadOffset,
             absl::StrCat(key, " must be an offset, which is a string"));
      return Position();
    }
    // One that came with history says more than is asked for here.
    const absl::StatusOr<ClientOffset> offset = ParseClientOffset(View(text));
    if (offset.ok()) return offset->event;
    Refuse(ErrorCode::kBadOffset, std::string(offset.status().message()));
    return Position();
  }

 private:
  // The text of the next argument; empty if there are no more.
  absl::string_view Next() {
    return next_ < texts_.size() ? texts_[next_++] : absl::string_view();
  }

  std::string String(absl::string_view text, ErrorCode code,
                     absl::string_view what) {
    if (text.empty()) {
      Refuse(ErrorCode::kBadRequest, absl::StrCat(what, " is missing"));
    } else if (text[0] != '"') {
      Refuse(code, absl::StrCat(what, " must be a string, not ", Quoted(text)));
    } else {
      return Unquote(text);
    }
    return "";
  }

  const absl::string_view name_space_;
  const absl::string_view event_;
  simdjson::dom::parser& parser_;
  std::vector<absl::string_view> texts_;
  size_t next_ = 1;  // The first is the name of the request.
  std::optional<Refusal> refusal_;
};

ReplayStart ReadStart(absl::string_view key, element value,
                      Arguments& arguments) {
  if (key == "last") {
    return LastEvents{arguments.Count(key, value, 0, kReplayEventsMax)};
  }
  if (key == "after") return AfterPosition{arguments.OffsetOf(key, value)};
  if (key == "since") return SinceTime{arguments.Integer(key, value)};
  std::string_view from;
  if (key != "from") {
    arguments.RefuseOption(key, "last, after, since or from");
  } else if (value.get(from) || from != "start") {
    arguments.Refuse(ErrorCode::kBadRequest, "from must be \"start\"");
  }
  return FromStart{};
}

ClientRequest ReadJoin(Arguments arguments) {
  arguments.CheckCount(2, "a room and options");
  ClientJoin join{.room = arguments.Room(), .start = FromNow{}};
  size_t options = 0;
  arguments.ForEachOption([&](absl::string_view key, element value) {
    join.start = ReadStart(key, value, arguments);
    if (++options == 2) {
      arguments.Refuse(ErrorCode::kBadRequest,
                       "only one of last, after, since and from may be given");
    }
  });
  return arguments.Result(std::move(join));
}

ClientRequest ReadLeave(Arguments arguments) {
  arguments.CheckCount(1, "a room");
  return arguments.Result(ClientLeave{arguments.Room()});
}

ClientRequest ReadPublish(absl::string_view name_space, Arguments arguments) {
  arguments.CheckCount(4, "a room, an event name, data and options");
  ClientPublish publish;
  publish.room = arguments.Room();
  const std::string event = arguments.EventName();
  publish.packet = MakeRoomPacket(name_space, event, arguments.Data());
  arguments.ForEachOption([&](absl::string_view key, element value) {
    std::string_view id;
    if (key != "id") {
      arguments.RefuseOption(key, "id");
    } else if (value.get(id) || id.empty()) {
      arguments.Refuse(ErrorCode::kBadRequest,
                       "id must be a string that is not empty");
    } else if (id.size() > kPublishIdBytesMax) {
      arguments.Refuse(
          ErrorCode::kTooLarge,
          absl::StrCat("an id of ", id.size(), " bytes is longer than ",
                       kPublishIdBytesMax));
    }
    publish.id = std::string(id);
  });
  if (publish.packet.size() > kPacketBytesMax) {
    arguments.Refuse(ErrorCode::kTooLarge,
                     absl::StrCat("an event of ", publish.packet.size(),
                                  " bytes is larger than ", kPacketBytesMax));
  }
  return arguments.Result(std::move(publish));
}

ClientRequest ReadHistory(Arguments arguments) {
  arguments.CheckCount(2, "a room and options");
  ClientHistory history{.room = arguments.Room(),
                        .before = std::nullopt,
                        .after = std::nullopt,
                        .limit = kHistoryPageEventsDefault};
  arguments.ForEachOption([&](absl::string_view key, element value) {
    if (key == "limit") {
      history.limit = arguments.Count(key, value, 1, kHistoryPageEventsMax);
    } else if (key == "before") {
      history.before = arguments.OffsetOf(key, value);
    } else if (key == "after") {
      history.after = arguments.OffsetOf(key, value);
    } else {
      arguments.RefuseOption(key, "before, after or limit");
    }
  });
  if (history.before.has_value() && history.after.has_value()) {
    arguments.Refuse(ErrorCode::kBadRequest,
                     "only one of before and after may be given");
  }
  return arguments.Result(std::move(history));
}

ClientRequest ReadPresence(Arguments arguments) {
  arguments.CheckCount(2, "a room and options");
  ClientPresence presence{.room = arguments.Room(/*may_be_all=*/true),
                          .query = {},
                          .watch = std::nullopt};
  PresenceQuery& query = presence.query;
  arguments.ForEachOption([&](absl::string_view key, element value) {
    std::string_view text;
    if (key == "limit") {
      query.limit = arguments.Count(key, value, 1, kMembersPageMax);
    } else if (key == "list") {
      if (!value.get(text) && text == "users") {
        query.what = PresenceQuery::What::kUsers;
      } else if (!value.get(text) && text == "sockets") {
        query.what = PresenceQuery::What::kSockets;
      } else {
        arguments.Refuse(ErrorCode::kBadRequest,
                         "list must be \"users\" or \"sockets\"");
      }
    } else if (key == "after") {
      if (value.get(text)) {
        arguments.Refuse(ErrorCode::kBadRequest, "after must be a string");
      }
      query.after = std::string(text);
    } else if (key == "user") {
      if (value.get(text) || text.empty() || text.size() > kUserNameBytesMax) {
        arguments.Refuse(ErrorCode::kBadRequest, "user must be a user's name");
      }
      query.user = std::string(text);
    } else if (key == "watch") {
      bool watch = false;
      if (value.get(watch)) {
        arguments.Refuse(ErrorCode::kBadRequest, "watch must be true or false");
      }
      presence.watch = watch;
    } else {
      arguments.RefuseOption(key, "list, after, limit, user or watch");
    }
  });
  if (!query.user.empty()) {
    if (query.what != PresenceQuery::What::kCounts || !query.after.empty()) {
      arguments.Refuse(ErrorCode::kBadRequest,
                       "user goes with no list: it is one of one user");
    }
    query.what = PresenceQuery::What::kUser;
  }
  return arguments.Result(std::move(presence));
}

// What changes it may stand beside the options of the change.
ClientRequest ReadUserState(Arguments arguments) {
  arguments.CheckCount(2, "a user and options");
  ClientUserState state{.user = arguments.UserName(),
                        .change = ClientUserState::Change::kNone,
                        .json = "",
                        .options = {},
                        .watch = std::nullopt};
  size_t changes = 0;
  arguments.ForEachOption([&](absl::string_view key, element value) {
    if (key == "set" || key == "merge") {
      ++changes;
      state.change = key == "set" ? ClientUserState::Change::kSet
                                  : ClientUserState::Change::kMerge;
    } else if (key == "remove") {
      bool remove = false;
      if (value.get(remove) || !remove) {
        arguments.Refuse(ErrorCode::kBadRequest, "remove must be true");
      }
      ++changes;
      state.change = ClientUserState::Change::kRemove;
    } else if (key == "version") {
      state.options.if_version =
          value.is_null() ? Position() : arguments.OffsetOf(key, value);
    } else if (key == "ttl") {
      state.options.ttl = absl::Milliseconds(arguments.Count(
          key, value, 1, absl::ToInt64Milliseconds(kUserStateTtlMax)));
    } else if (key == "watch") {
      bool watch = false;
      if (value.get(watch)) {
        arguments.Refuse(ErrorCode::kBadRequest, "watch must be true or false");
      }
      state.watch = watch;
    } else {
      arguments.RefuseOption(key, "set, merge, remove, version, ttl or watch");
    }
  });
  if (changes > 1 || (changes == 1 && state.watch.has_value())) {
    arguments.Refuse(ErrorCode::kBadRequest,
                     "only one of set, merge, remove and watch may be given");
  }
  if (changes == 0 &&
      (state.options.if_version.has_value() || state.options.ttl.has_value())) {
    arguments.Refuse(ErrorCode::kBadRequest,
                     "version and ttl go with set, merge or remove");
  }
  // As it was written: numbers keep all their digits.
  if (state.change == ClientUserState::Change::kSet ||
      state.change == ClientUserState::Change::kMerge) {
    state.json = arguments.OptionText(
        state.change == ClientUserState::Change::kSet ? "set" : "merge");
    if (state.json.empty() || state.json[0] != '{') {
      arguments.Refuse(ErrorCode::kBadRequest, "a state must be an object");
    } else if (state.json.size() > kUserStateBytesMax) {
      arguments.Refuse(
          ErrorCode::kTooLarge,
          absl::StrCat("a state of ", state.json.size(),
                       " bytes is larger than ", kUserStateBytesMax));
    }
  }
  return arguments.Result(std::move(state));
}

}  // namespace

ClientRequest RequestReader::Read(absl::string_view name_space,
                                  absl::string_view event, const Args& args) {
  const auto arguments = [&] {
    return Arguments(name_space, event, args, parser_);
  };
  if (event == "publish") return ReadPublish(name_space, arguments());
  if (event == "join") return ReadJoin(arguments());
  if (event == "leave") return ReadLeave(arguments());
  if (event == "history") return ReadHistory(arguments());
  if (event == "presence") return ReadPresence(arguments());
  if (event == "user_state") return ReadUserState(arguments());
  if (event == "node") return ClientNode{};
  return Refusal{ErrorCode::kBadRequest,
                 absl::StrCat("unknown event ", Quoted(event),
                              ", not join, leave, publish, history, presence, "
                              "user_state or node")};
}

}  // namespace roomlog
