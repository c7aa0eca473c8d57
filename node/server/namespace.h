// A namespace of a server, as a program sees it.
#ifndef ROOMLOG_NODE_SERVER_NAMESPACE_H_
#define ROOMLOG_NODE_SERVER_NAMESPACE_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/position.h"
#include "node/rooms/history_page.h"
#include "node/server/broadcast_operator.h"
#include "node/server/presence_query.h"
#include "node/server/server_core.h"
#include "node/server/user.h"

namespace roomlog {

// Where an event was put into a room's log.
struct Published {
  Position position;
  // The id was used before in the room; `position` is that first event's.
  bool duplicate = false;
};
// Errors as of Backplane::Publish().
using PublishedDone = absl::AnyInvocable<void(absl::StatusOr<Published>) &&>;

struct PublishOptions {
  // Appended once per room and id; empty: always. At most kPublishIdBytesMax.
  std::string id;
};

// What a server-side emit was answered by the other servers, one value of each.
// Errors as of AcksDone.
using ServersDone = AcksDone;

// A handle: copies mean the same namespace. Handlers are given before the
// server starts, from one thread; everything else may be called from any.
class Namespace {
 public:
  // `rules` are null where nothing can be declared any more.
  Namespace(std::shared_ptr<const ServerCore> core,
            std::shared_ptr<NamespaceRules> rules, std::string name)
      : core_(std::move(core)),
        rules_(std::move(rules)),
        name_(std::move(name)) {}

  const std::string& name() const { return name_; }

  // ---- Before the server starts ----

  // Runs for each client that wants to join, before it is told, in the order in
  // which they were given; each calls `next`, now or later. On the loop's
  // thread of the client.
  Namespace& Use(Middleware middleware);
  // Lets clients in by this alone, before any middleware; in the place of one
  // that was given before.
  Namespace& LetInBy(Gatekeeper gatekeeper);
  // Called for each client that has joined, on the thread of its loop. With
  // several loops, so from several threads at once.
  Namespace& OnConnection(ConnectionHandler handler);
  // Called when a client of this server, that was lost and could have come
  // back, no longer can: on one loop of the server that had it last; at most
  // once; not if that server is gone by then. Only with
  // ServerOptions::recovery.
  Namespace& OnSessionExpired(SessionExpiredHandler handler);
  // Called for each socket that joins the room or leaves it, on whatever node,
  // in the order of the log, from the start of this server on; of the room with
  // the empty name, that comes online or goes offline in the namespace. On the
  // thread of the first loop. Only of rooms of which the broker keeps a feed
  // (--presence_feed): else that is logged once, and nothing is heard. Changes
  // that are missed for good are passed over; each says how many are there.
  // Not for namespaces by pattern.
  Namespace& OnPresence(absl::string_view room, PresenceHandler handler);
  // What other servers say by ServerSideEmit(): handlers of (args, ack), (args)
  // or nothing, called on the thread of the first loop. One server of the
  // cluster says it, each other one hears it once.
  template <typename F>
  Namespace& On(absl::string_view event, F handler) {
    AddServerHandler(event, MakeEventHandler(std::move(handler)));
    return *this;
  }

  // ---- Many sockets at once: see BroadcastOperator ----

  BroadcastOperator To(absl::string_view room) const { return all().To(room); }
  BroadcastOperator To(const std::vector<std::string>& rooms) const {
    return all().To(rooms);
  }
  BroadcastOperator In(absl::string_view room) const { return To(room); }
  BroadcastOperator Except(absl::string_view room) const {
    return all().Except(room);
  }
  BroadcastOperator Volatile() const { return all().Volatile(); }
  BroadcastOperator Local() const { return all().Local(); }
  BroadcastOperator Timeout(absl::Duration timeout) const {
    return all().Timeout(timeout);
  }
  template <typename... Arguments>
  void Emit(absl::string_view event, Arguments&&... arguments) const {
    all().Emit(event, std::forward<Arguments>(arguments)...);
  }
  void FetchSockets(FetchDone done) const {
    all().FetchSockets(std::move(done));
  }
  void SocketsJoin(const std::vector<std::string>& rooms) const {
    all().SocketsJoin(rooms);
  }
  void SocketsLeave(const std::vector<std::string>& rooms) const {
    all().SocketsLeave(rooms);
  }
  void DisconnectSockets(bool close = false) const {
    all().DisconnectSockets(close);
  }

  // ---- The other servers ----

  // If the last argument is a function (see ServersDone), it is called with
  // what the other servers answered, on a loop's thread.
  template <typename... Arguments>
  void ServerSideEmit(absl::string_view event, Arguments&&... arguments) const {
    EmitArguments<ServersDone> taken =
        TakeEmitArguments<ServersDone>(std::forward<Arguments>(arguments)...);
    ServerSideEmitValues(event, std::move(taken.values), std::move(taken.done));
  }
  void ServerSideEmitValues(absl::string_view event, Values values,
                            ServersDone done = nullptr) const;

  // ---- The log of a room ----

  // Says `event` in a room, for its members and for its history: they get
  // event(data, meta, offset) as docs/client-api.md has it. `done` is called on
  // a loop's thread once it is durable; it may be null. INVALID_ARGUMENT also
  // for what Emit() logs.
  void Publish(absl::string_view room, absl::string_view event,
               const Value& data, PublishOptions options,
               PublishedDone done) const;
  // The same for who has the packet's text already: `2["event",data]`.
  void PublishPacket(RoomKey room, std::string packet, PublishOptions options,
                     PublishedDone done) const;
  // Reads a page; `done` is called on a loop's thread. For a client's request
  // use Socket::History(), which waits while its queue is full.
  void History(HistoryQuery query, HistoryDone done) const;

  // ---- Who is there ----

  // Who is in a room, on whatever node; of the empty name, in the namespace.
  // Told by the broker, so that no slow or dead node is waited for: those whose
  // clients may come back if they are lost (ServerOptions::recovery). `done` is
  // called on a loop's thread.
  void Presence(absl::string_view room, PresenceQuery query,
                PresenceDone done) const;
  // Closes one socket of this namespace, on whatever node it is; it is told so
  // by "roomlog:closed". `done`, which may be null, is called once it is
  // durable, whether or not there is such a socket.
  void DisconnectSocket(absl::string_view id, DismissedDone done) const;
  // The user of that name, whether or not he is there.
  roomlog::User User(absl::string_view name) const {
    return roomlog::User(core_, name_, std::string(name));
  }

 private:
  BroadcastOperator all() const { return BroadcastOperator(core_, name_); }
  void AddServerHandler(absl::string_view event, EventHandler handler);
  bool MayDeclare() const;

  std::shared_ptr<const ServerCore> core_;
  std::shared_ptr<NamespaceRules> rules_;
  std::string name_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SERVER_NAMESPACE_H_
