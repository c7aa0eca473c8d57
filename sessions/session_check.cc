#include "sessions/session_check.h"

#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "base/room_key.h"

namespace roomlog {
namespace {

constexpr size_t kSessionIdBytes = 20;
// "<event>~<place>~<join>", each with an epoch: three times the longest offset.
constexpr size_t kClientOffsetBytesMax = 128;

absl::Status CheckId(absl::string_view what, absl::string_view id) {
  if (id.size() == kSessionIdBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what, " of ", id.size(), " characters"));
}

absl::Status CheckBytes(absl::string_view what, size_t bytes, size_t max) {
  if (bytes <= max) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what, " of ", bytes, " bytes, more than ", max));
}

absl::Status CheckNoticeRoom(absl::string_view room) {
  if (room.empty()) {
    return absl::InvalidArgumentError("a session without a room for notices");
  }
  return RoomKey::Make(kNodeNamespace, room).status();
}

}  // namespace

absl::Status CheckSessionOperation(const proto::SessionOperation& operation) {
  absl::Status status = CheckId("a private id", operation.private_id());
  if (status.ok()) status = RoomKey::Make(operation.name_space(), "").status();
  if (status.ok() && operation.claim() == 0) {
    status =
        absl::InvalidArgumentError("a session's operation without a claim");
  }
  if (!status.ok()) return status;
  switch (operation.operation_case()) {
    case proto::SessionOperation::kOpen:
    case proto::SessionOperation::kDetach:
    case proto::SessionOperation::kClose:
      return status;  // An open one is checked as the record that it makes.
    case proto::SessionOperation::kChange:
      return CheckBytes("a session's data", operation.change().data().size(),
                        kSessionDataBytesMax);
    case proto::SessionOperation::kRestore:
      status = CheckNoticeRoom(operation.restore().notice_room());
      status.Update(CheckBytes("a client's offset",
                               operation.restore().offset().size(),
                               kClientOffsetBytesMax));
      status.Update(CheckBytes("a session's user",
                               operation.restore().user().size(),
                               kUserNameBytesMax));
      return status;
    case proto::SessionOperation::OPERATION_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError(
      "a session's operation that this broker does not know");
}

absl::Status CheckSessionRecord(const proto::SessionRecord& record) {
  absl::Status status = CheckId("a socket id", record.socket_id());
  status.Update(CheckNoticeRoom(record.notice_room()));
  status.Update(CheckBytes("a session's data", record.data().size(),
                           kSessionDataBytesMax));
  status.Update(
      CheckBytes("a session's user", record.user().size(), kUserNameBytesMax));
  if (record.window_ms() >
      static_cast<uint64_t>(absl::ToInt64Milliseconds(kRecoveryWindowMax))) {
    status.Update(absl::InvalidArgumentError(
        absl::StrCat("a window of ", record.window_ms(), " ms")));
  }
  if (record.rooms_size() > static_cast<int>(kSessionRoomsMax)) {
    status.Update(absl::InvalidArgumentError(
        absl::StrCat("a session with ", record.rooms_size(), " rooms")));
  }
  for (const proto::SessionRoom& room : record.rooms()) {
    if (!status.ok()) break;
    status = RoomKey::Make(record.name_space(), room.name()).status();
    status.Update(CheckBytes("where a join begins", room.start().size(),
                             kSessionStartBytesMax));
  }
  return status;
}

}  // namespace roomlog
