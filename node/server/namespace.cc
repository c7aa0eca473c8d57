#include "node/server/namespace.h"

#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "node/rooms/direct_room.h"
#include "node/server/server_loop.h"
#include "node/socketio/encoded_packet.h"
#include "proto/event_columns.h"

namespace roomlog {

bool Namespace::MayDeclare() const {
  if (rules_ != nullptr && core_->loops.empty()) return true;
  if (core_->log) {
    core_->log(absl::StrCat("a handler of ", name_,
                            " came after the server had started"));
  }
  return false;
}

Namespace& Namespace::Use(Middleware middleware) {
  if (MayDeclare()) rules_->middlewares.push_back(std::move(middleware));
  return *this;
}

Namespace& Namespace::LetInBy(Gatekeeper gatekeeper) {
  if (MayDeclare()) rules_->gatekeeper = std::move(gatekeeper);
  return *this;
}

Namespace& Namespace::OnConnection(ConnectionHandler handler) {
  if (MayDeclare()) rules_->on_connection.push_back(std::move(handler));
  return *this;
}

Namespace& Namespace::OnSessionExpired(SessionExpiredHandler handler) {
  if (MayDeclare()) rules_->on_session_expired.push_back(std::move(handler));
  return *this;
}

Namespace& Namespace::OnPresence(absl::string_view room,
                                 PresenceHandler handler) {
  if (MayDeclare()) {
    rules_->on_presence.emplace_back(std::string(room), std::move(handler));
  }
  return *this;
}

void Namespace::AddServerHandler(absl::string_view event,
                                 EventHandler handler) {
  if (!MayDeclare()) return;
  rules_->on_server_event[std::string(event)].push_back(std::move(handler));
}

void Namespace::ServerSideEmitValues(absl::string_view event, Values values,
                                     ServersDone done) const {
  core_->OnSomeLoop([name = name_, event = std::string(event),
                     values = std::move(values),
                     done = std::move(done)](ServerLoop& loop) mutable {
    loop.ServerSideEmit(name, event, values, std::move(done));
  });
}

void Namespace::Publish(absl::string_view room, absl::string_view event,
                        const Value& data, PublishOptions options,
                        PublishedDone done) const {
  absl::StatusOr<RoomKey> key = RoomKey::Make(name_, room);
  absl::StatusOr<EncodedPacket> packet = EncodeEvent(name_, event, {data});
  absl::Status status = key.ok() ? packet.status() : key.status();
  if (status.ok() && IsReservedRoom(room)) {
    status = absl::InvalidArgumentError("the room is reserved");
  }
  if (status.ok() && packet->size_bytes() > kPacketBytesMax) {
    status = absl::InvalidArgumentError(
        absl::StrCat("an event of ", packet->size_bytes(),
                     " bytes is larger than ", kPacketBytesMax));
  }
  if (status.ok() && options.id.size() > kPublishIdBytesMax) {
    status = absl::InvalidArgumentError("the publish id is too long");
  }
  if (!status.ok()) {
    if (done != nullptr) std::move(done)(status);
    return;
  }
  core_->OnSomeLoop(
      [key = *std::move(key),
       flags = proto::EVENT_FLAG_ROOM_APPLICATION |
               (packet->attachments.empty()
                    ? 0u
                    : static_cast<uint32_t>(proto::EVENT_FLAG_HAS_ATTACHMENTS)),
       stored = StorePacket(*packet), options = std::move(options),
       done = std::move(done)](ServerLoop& loop) mutable {
        loop.Publish(std::move(key), flags, std::move(stored),
                     std::move(options.id), std::move(done));
      });
}

void Namespace::PublishPacket(RoomKey room, std::string packet,
                              PublishOptions options,
                              PublishedDone done) const {
  core_->OnSomeLoop([room = std::move(room), packet = std::move(packet),
                     options = std::move(options),
                     done = std::move(done)](ServerLoop& loop) mutable {
    loop.Publish(std::move(room), proto::EVENT_FLAG_ROOM_APPLICATION,
                 std::move(packet), std::move(options.id), std::move(done));
  });
}

void Namespace::History(HistoryQuery query, HistoryDone done) const {
  core_->OnSomeLoop([query = std::move(query),
                     done = std::move(done)](ServerLoop& loop) mutable {
    loop.ReadHistory(std::move(query), std::move(done));
  });
}

void Namespace::Presence(absl::string_view room, PresenceQuery query,
                         PresenceDone done) const {
  absl::StatusOr<RoomKey> key = RoomKey::Make(name_, room);
  absl::Status status = key.status();
  if (status.ok() && query.what == PresenceQuery::What::kUser &&
      (query.user.empty() || query.user.size() > kUserNameBytesMax ||
       !IsUtf8(query.user))) {
    status = absl::InvalidArgumentError(absl::StrCat(
        "a user's name is 1 to ", kUserNameBytesMax, " bytes of UTF-8"));
  }
  if (!status.ok()) {
    std::move(done)(status);
    return;
  }
  core_->OnSomeLoop(
      [request =
           MembersRequest{*std::move(key), query.what, std::move(query.after),
                          std::move(query.user), query.limit},
       done = std::move(done)](ServerLoop& loop) mutable {
        loop.ReadMembers(std::move(request), std::move(done));
      });
}

void Namespace::DisconnectSocket(absl::string_view id,
                                 DismissedDone done) const {
  proto::Dismissal dismissal;
  dismissal.set_socket_id(std::string(id));
  dismissal.set_name_space(name_);
  PublishDismissal(*core_, dismissal, std::move(done));
}

}  // namespace roomlog
