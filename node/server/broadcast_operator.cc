#include "node/server/broadcast_operator.h"

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "node/server/server_loop.h"
#include "node/socketio/encoded_packet.h"

namespace roomlog {
namespace {

void AddRooms(const std::vector<std::string>& rooms,
              std::vector<std::string>* all) {
  for (const std::string& room : rooms) {
    if (!absl::c_linear_search(*all, room)) all->push_back(room);
  }
}

}  // namespace

BroadcastOperator::BroadcastOperator(std::shared_ptr<const ServerCore> core,
                                     std::string name_space)
    : core_(std::move(core)) {
  target_.name_space = std::move(name_space);
}

BroadcastOperator BroadcastOperator::To(absl::string_view room) const {
  return To(std::vector<std::string>{std::string(room)});
}

BroadcastOperator BroadcastOperator::To(
    const std::vector<std::string>& rooms) const {
  BroadcastOperator narrowed = *this;
  AddRooms(rooms, &narrowed.target_.rooms);
  return narrowed;
}

BroadcastOperator BroadcastOperator::Except(absl::string_view room) const {
  return Except(std::vector<std::string>{std::string(room)});
}

BroadcastOperator BroadcastOperator::Except(
    const std::vector<std::string>& rooms) const {
  BroadcastOperator narrowed = *this;
  AddRooms(rooms, &narrowed.target_.except);
  return narrowed;
}

BroadcastOperator BroadcastOperator::Volatile() const {
  BroadcastOperator narrowed = *this;
  narrowed.target_.is_volatile = true;
  return narrowed;
}

BroadcastOperator BroadcastOperator::Local() const {
  BroadcastOperator narrowed = *this;
  narrowed.target_.is_local = true;
  return narrowed;
}

BroadcastOperator BroadcastOperator::Timeout(absl::Duration timeout) const {
  BroadcastOperator narrowed = *this;
  narrowed.timeout_ = timeout;
  return narrowed;
}

void BroadcastOperator::EmitValues(absl::string_view event, Values values,
                                   AcksDone done) const {
  absl::StatusOr<EncodedPacket> packet =
      EncodeEvent(target_.name_space, event, values);
  absl::Status status = packet.status();
  if (status.ok() && packet->size_bytes() > kPacketBytesMax) {
    status = absl::InvalidArgumentError(
        absl::StrCat("an event of ", packet->size_bytes(),
                     " bytes is larger than ", kPacketBytesMax));
  }
  if (status.ok() &&
      target_.rooms.size() + target_.except.size() > kBroadcastRoomsMax) {
    status = absl::InvalidArgumentError("the broadcast names too many rooms");
  }
  if (!status.ok()) {
    if (core_->log) {
      core_->log(absl::StrCat("\"", event, "\" cannot be emitted in ",
                              target_.name_space, ": ", status.message()));
    }
    if (done) done(status, {});
    return;
  }
  core_->OnSomeLoop([target = target_, packet = *std::move(packet),
                     timeout = timeout_,
                     done = std::move(done)](ServerLoop& loop) mutable {
    if (done) {
      loop.BroadcastWithAcks(target, packet, timeout, std::move(done));
    } else {
      loop.Broadcast(target, packet);
    }
  });
}

void BroadcastOperator::FetchSockets(FetchDone done) const {
  core_->OnSomeLoop([target = target_, timeout = timeout_,
                     done = std::move(done)](ServerLoop& loop) mutable {
    loop.FetchSockets(target, timeout, std::move(done));
  });
}

void BroadcastOperator::SocketsJoin(
    const std::vector<std::string>& rooms) const {
  proto::Envelope envelope = target_.ToEnvelope();
  envelope.mutable_sockets_join()->mutable_rooms()->Assign(rooms.begin(),
                                                           rooms.end());
  Control(std::move(envelope));
}

void BroadcastOperator::SocketsLeave(
    const std::vector<std::string>& rooms) const {
  proto::Envelope envelope = target_.ToEnvelope();
  envelope.mutable_sockets_leave()->mutable_rooms()->Assign(rooms.begin(),
                                                            rooms.end());
  Control(std::move(envelope));
}

void BroadcastOperator::DisconnectSockets(bool close) const {
  proto::Envelope envelope = target_.ToEnvelope();
  envelope.mutable_disconnect_sockets()->set_close(close);
  Control(std::move(envelope));
}

void BroadcastOperator::Control(proto::Envelope envelope) const {
  core_->OnSomeLoop([target = target_, envelope = std::move(envelope)](
                        ServerLoop& loop) { loop.Control(target, envelope); });
}

}  // namespace roomlog
