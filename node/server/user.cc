#include "node/server/user.h"

#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "base/room_key.h"
#include "base/user_room.h"
#include "base/utf8.h"
#include "node/server/server_loop.h"
#include "proto/events.pb.h"
#include "proto/users.pb.h"

namespace roomlog {
namespace {

absl::StatusOr<RoomKey> RoomOf(absl::string_view name_space,
                               absl::string_view user) {
  constexpr size_t kNameBytesMax = kRoomNameBytesMax - kUserRoomPrefix.size();
  if (user.empty() || user.size() > kNameBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a user's name of ", user.size(), " bytes, not 1 to ", kNameBytesMax));
  }
  return RoomKey::Make(name_space, UserRoomOf(user));
}

proto::UserOperation OperationOf(const UserChangeOptions& options) {
  proto::UserOperation operation;
  if (options.if_version.has_value()) {
    // Offsets are never used again, whatever life of the log they are of.
    operation.set_if_version(options.if_version->offset.value());
  }
  if (options.ttl.has_value()) {
    operation.set_ttl_ms(static_cast<uint64_t>(
        std::max<int64_t>(0, absl::ToInt64Milliseconds(*options.ttl))));
  }
  return operation;
}

}  // namespace

void PublishDismissal(const ServerCore& core, const proto::Dismissal& dismissal,
                      DismissedDone done) {
  core.OnSomeLoop([packet = dismissal.SerializeAsString(),
                   done = std::move(done)](ServerLoop& loop) mutable {
    loop.Publish(
        Dismissals::Room(), 0, std::move(packet), "",
        [done = std::move(done)](absl::StatusOr<Published> published) mutable {
          if (done != nullptr) std::move(done)(published.status());
        });
  });
}

void User::GetState(UserStateDone done) const {
  absl::StatusOr<RoomKey> room = RoomOf(name_space_, name_);
  if (!room.ok()) return std::move(done)(room.status());
  core_->OnSomeLoop([room = *std::move(room),
                     done = std::move(done)](ServerLoop& loop) mutable {
    loop.ReadUser(std::move(room), std::move(done));
  });
}

void User::SetState(absl::string_view json, UserChangeOptions options,
                    UserChangedDone done) const {
  proto::UserOperation operation = OperationOf(options);
  operation.set_set(std::string(json));
  Change(operation.SerializeAsString(), std::move(options.id), std::move(done));
}

void User::MergeState(absl::string_view json, UserChangeOptions options,
                      UserChangedDone done) const {
  proto::UserOperation operation = OperationOf(options);
  operation.set_merge(std::string(json));
  Change(operation.SerializeAsString(), std::move(options.id), std::move(done));
}

void User::RemoveState(UserChangeOptions options, UserChangedDone done) const {
  proto::UserOperation operation = OperationOf(options);
  operation.set_remove(true);
  Change(operation.SerializeAsString(), std::move(options.id), std::move(done));
}

void User::Disconnect(DismissedDone done) const {
  Dismiss(/*revokes=*/false, std::move(done));
}

void User::Revoke(DismissedDone done) const {
  Dismiss(/*revokes=*/true, std::move(done));
}

void User::Dismiss(bool revokes, DismissedDone done) const {
  if (name_.empty() || name_.size() > kUserNameBytesMax || !IsUtf8(name_)) {
    if (done != nullptr) {
      std::move(done)(absl::InvalidArgumentError(absl::StrCat(
          "a user's name is 1 to ", kUserNameBytesMax, " bytes of UTF-8")));
    }
    return;
  }
  proto::Dismissal dismissal;
  dismissal.set_user(name_);
  dismissal.set_revokes(revokes);
  PublishDismissal(*core_, dismissal, std::move(done));
}

void User::Change(std::string operation, std::string id,
                  UserChangedDone done) const {
  absl::StatusOr<RoomKey> room = RoomOf(name_space_, name_);
  absl::Status status = room.status();
  // It would not fit into a packet; what it may be the broker says.
  if (status.ok() && operation.size() > 2 * kUserStateBytesMax) {
    status = absl::InvalidArgumentError(
        absl::StrCat("a state of more than ", kUserStateBytesMax, " bytes"));
  }
  if (status.ok() && id.size() > kPublishIdBytesMax) {
    status = absl::InvalidArgumentError("the id is too long");
  }
  if (!status.ok()) {
    if (done != nullptr) std::move(done)(status);
    return;
  }
  core_->OnSomeLoop([room = *std::move(room), operation = std::move(operation),
                     id = std::move(id),
                     done = std::move(done)](ServerLoop& loop) mutable {
    loop.Publish(
        std::move(room), proto::EVENT_FLAG_USER, std::move(operation),
        std::move(id),
        [done = std::move(done)](absl::StatusOr<Published> published) mutable {
          if (done == nullptr) return;
          if (!published.ok()) return std::move(done)(published.status());
          std::move(done)(
              UserChanged{published->position, published->duplicate});
        });
  });
}

}  // namespace roomlog
