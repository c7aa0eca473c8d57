// Who is in which room.
#ifndef ROOMLOG_SESSIONS_ROOM_MEMBERS_H_
#define ROOMLOG_SESSIONS_ROOM_MEMBERS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"
#include "sessions/member_change.h"

namespace roomlog {

// An index of sessions by room, as sockets and as users. Counts take constant
// time, a page takes the logarithm of the room and what is on it. It follows
// from the changes alone; one thread. Bounded by the sessions there may be
// (kSessionsMax, kSessionRoomsMax): a membership costs about 64 bytes, see its
// test. Rooms are named as RoomKey::text() has it.
class RoomMembers {
 public:
  struct Counts {
    size_t sockets = 0;
    size_t users = 0;

    friend bool operator==(const Counts&, const Counts&) = default;
  };
  // Both borrow from the index until its next change.
  struct SocketMember {
    absl::string_view id;
    absl::string_view user;  // Empty: nobody in particular.
    ProducerId owner;
    bool is_away = false;
  };
  struct UserMember {
    absl::string_view name;
    size_t sockets = 0;    // In the room.
    bool is_away = false;  // All of them are.
  };
  struct RoomMember {
    absl::string_view name;  // Without the namespace.
    Counts counts;
  };
  using IsAway = absl::FunctionRef<bool(const SocketMember&)>;

  RoomMembers();
  RoomMembers(const RoomMembers&) = delete;
  RoomMembers& operator=(const RoomMembers&) = delete;
  ~RoomMembers();

  // A change that was told before changes nothing.
  void Apply(const MemberChange& change);

  Counts Count(absl::string_view room) const;
  size_t room_count() const { return rooms_.size(); }
  // Calls `each` for the members beyond `after`, sockets by their ids and users
  // by their names in byte order, until it says false. Who is there all the
  // while comes once, whoever comes and goes between two pages.
  void ForEachSocket(absl::string_view room, absl::string_view after,
                     absl::FunctionRef<bool(const SocketMember&)> each) const;
  // `is_away` judges a user's sockets.
  void ForEachUser(absl::string_view room, absl::string_view after,
                   IsAway is_away,
                   absl::FunctionRef<bool(const UserMember&)> each) const;
  // Nothing if he has no socket in the room.
  std::optional<UserMember> FindUser(absl::string_view room,
                                     absl::string_view name,
                                     IsAway is_away) const;
  // The same as ForEachUser() for the rooms of a namespace that somebody is in,
  // without that of the empty name, by their names.
  void ForEachRoom(absl::string_view name_space, absl::string_view after,
                   absl::FunctionRef<bool(const RoomMember&)> each) const;

 private:
  static constexpr size_t kSocketIdBytes = 20;

  struct User;
  struct Room;
  struct Socket {
    std::array<char, kSocketIdBytes> id;
    bool is_away = false;
    ProducerId owner;
    User* user = nullptr;  // Null: nobody in particular.
    std::vector<Room*> rooms;

    absl::string_view id_view() const { return {id.data(), id.size()}; }
  };
  struct User {
    std::string key;  // "<namespace>\0<name>"
    size_t name_at = 0;
    absl::flat_hash_set<Socket*> sockets;

    absl::string_view name() const {
      return absl::string_view(key).substr(name_at);
    }
  };
  struct ById {
    using is_transparent = void;
    static absl::string_view Of(const Socket* socket) {
      return socket->id_view();
    }
    static absl::string_view Of(absl::string_view id) { return id; }
    bool operator()(const auto& a, const auto& b) const {
      return Of(a) < Of(b);
    }
  };
  struct ByName {
    using is_transparent = void;
    static absl::string_view Of(const User* user) { return user->name(); }
    static absl::string_view Of(absl::string_view name) { return name; }
    bool operator()(const auto& a, const auto& b) const {
      return Of(a) < Of(b);
    }
  };
  struct ByText {
    using is_transparent = void;
    static absl::string_view Of(const Room* room);
    static absl::string_view Of(absl::string_view text) { return text; }
    bool operator()(const auto& a, const auto& b) const {
      return Of(a) < Of(b);
    }
  };
  struct Room {
    std::string text;
    absl::btree_set<Socket*, ById> sockets;
    absl::btree_map<User*, uint32_t, ByName> users;  // How many sockets.
  };

  static UserMember Shown(const Room& room, const User& user, size_t sockets,
                          IsAway is_away);
  static SocketMember Shown(const Socket& socket);
  Socket& SocketOf(const MemberChange& change);
  void Join(Socket& socket, const MemberChange& change,
            absl::string_view room_name);
  void Leave(Socket& socket, Room& room);
  void Erase(Socket& socket, const MemberChange& change);
  const Room* Find(absl::string_view room) const;

  // The keys borrow from what they name, but for the sockets', which are
  // "<namespace>\0<id>".
  absl::flat_hash_map<std::string, std::unique_ptr<Socket>> sockets_;
  absl::flat_hash_map<absl::string_view, std::unique_ptr<User>> users_;
  absl::flat_hash_map<absl::string_view, std::unique_ptr<Room>> rooms_;
  absl::btree_set<const Room*, ByText> rooms_by_text_;
};

}  // namespace roomlog

#endif  // ROOMLOG_SESSIONS_ROOM_MEMBERS_H_
