#include "node/socketio/encoded_packet.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/utf8.h"
#include "base/json.h"
#include "node/socketio/packet.h"
#include "node/socketio/socketio_limits.h"

namespace roomlog {
namespace {

absl::StatusOr<EncodedPacket> Encode(PacketType type,
                                     absl::string_view name_space,
                                     std::optional<uint64_t> ack_id,
                                     std::string array,
                                     absl::Span<const Value> arguments) {
  EncodedPacket packet;
  for (const Value& argument : arguments) {
    if (array.size() > 1) array.push_back(',');
    argument.AppendJson(&array, &packet.attachments);
  }
  array.push_back(']');
  if (packet.attachments.size() > kAttachmentsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(packet.attachments.size(), " attachments are more than ",
                     kAttachmentsMax));
  }
  // One client could not read it, and would close; every client, if it is a
  // broadcast.
  if (!IsUtf8(array)) return absl::InvalidArgumentError("text is not UTF-8");
  packet.text = EncodePacket(
      {.type = type,
       .name_space = name_space,
       .ack_id = ack_id,
       .data = array,
       .attachments = static_cast<uint32_t>(packet.attachments.size())});
  return packet;
}

void AppendVarint(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) {
    out->push_back(static_cast<char>(value | 0x80));
  }
  out->push_back(static_cast<char>(value));
}

// Takes one part with its size off the front of `rest`.
bool TakePart(absl::string_view* rest, absl::string_view* part) {
  uint64_t size = 0;
  for (int shift = 0;; shift += 7) {
    if (rest->empty() || shift > 28) return false;
    const auto byte = static_cast<uint8_t>((*rest)[0]);
    rest->remove_prefix(1);
    size |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) break;
  }
  if (size > rest->size()) return false;
  *part = rest->substr(0, size);
  rest->remove_prefix(size);
  return true;
}

}  // namespace

size_t EncodedPacket::size_bytes() const {
  size_t bytes = text.size();
  for (const SharedBytes& attachment : attachments) bytes += attachment.size();
  return bytes;
}

absl::StatusOr<EncodedPacket> EncodeEvent(absl::string_view name_space,
                                          absl::string_view event,
                                          absl::Span<const Value> arguments,
                                          std::optional<uint64_t> ack_id) {
  if (IsReservedEventName(event)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", event, "\" is a reserved event name"));
  }
  return Encode(PacketType::kEvent, name_space, ack_id,
                absl::StrCat("[", Quote(event)), arguments);
}

absl::StatusOr<EncodedPacket> EncodeAck(absl::string_view name_space,
                                        uint64_t ack_id,
                                        absl::Span<const Value> arguments) {
  return Encode(PacketType::kAck, name_space, ack_id, "[", arguments);
}

FrameList MakeFrames(absl::string_view text,
                     absl::Span<const SharedBytes> attachments) {
  FrameList frames;
  frames.reserve(1 + attachments.size());
  frames.push_back(MakeFrame(text));
  for (const SharedBytes& attachment : attachments) {
    frames.push_back(MakeBinaryFrame(attachment.view()));
  }
  return frames;
}

absl::StatusOr<std::string> WithAckId(absl::string_view text,
                                      absl::string_view name_space,
                                      uint64_t ack_id) {
  const absl::StatusOr<Packet> packet = DecodePacket(text);
  if (!packet.ok()) return packet.status();
  if (packet->type != PacketType::kEvent || packet->ack_id.has_value() ||
      packet->name_space != name_space) {
    return absl::InvalidArgumentError("this is no event of the namespace");
  }
  Packet asking = *packet;
  asking.ack_id = ack_id;
  return EncodePacket(asking);
}

void EndInNoString(std::string* text) {
  if (absl::EndsWith(*text, "\"]")) text->insert(text->size() - 1, ",null");
}

FrameList FramesOf(absl::string_view text, const StoredPacket& packet) {
  FrameList frames;
  frames.reserve(1 + packet.attachments.size());
  frames.push_back(MakeFrame(text));
  for (absl::string_view attachment : packet.attachments) {
    frames.push_back(MakeBinaryFrame(attachment));
  }
  return frames;
}

std::string StorePacket(const EncodedPacket& packet) {
  if (packet.attachments.empty()) return packet.text;
  std::string stored;
  AppendVarint(packet.text.size(), &stored);
  stored.append(packet.text);
  for (const SharedBytes& attachment : packet.attachments) {
    AppendVarint(attachment.size(), &stored);
    absl::StrAppend(&stored, attachment.view());
  }
  return stored;
}

absl::StatusOr<StoredPacket> LoadPacket(absl::string_view stored,
                                        bool has_attachments) {
  if (!has_attachments) return StoredPacket{stored, {}};
  StoredPacket packet;
  if (!TakePart(&stored, &packet.text)) {
    return absl::DataLossError("a packet's text is cut off");
  }
  while (!stored.empty()) {
    absl::string_view part;
    if (!TakePart(&stored, &part)) {
      return absl::DataLossError("a packet's attachment is cut off");
    }
    packet.attachments.push_back(part);
  }
  if (packet.attachments.size() > kAttachmentsMax) {
    return absl::DataLossError("a packet has too many attachments");
  }
  return packet;
}

std::string StoreValues(absl::Span<const Value> values) {
  std::vector<SharedBytes> attachments;
  std::string json = "[";
  for (const Value& value : values) {
    if (json.size() > 1) json.push_back(',');
    value.AppendJson(&json, &attachments);
  }
  json.push_back(']');
  std::string stored;
  AppendVarint(json.size(), &stored);
  stored.append(json);
  for (const SharedBytes& attachment : attachments) {
    AppendVarint(attachment.size(), &stored);
    absl::StrAppend(&stored, attachment.view());
  }
  return stored;
}

absl::StatusOr<Values> LoadValues(absl::string_view stored) {
  absl::string_view json;
  std::vector<SharedBytes> attachments;
  absl::string_view part;
  if (!TakePart(&stored, &json)) {
    return absl::DataLossError("values are cut off");
  }
  while (!stored.empty()) {
    if (!TakePart(&stored, &part)) {
      return absl::DataLossError("the bytes of a value are cut off");
    }
    attachments.push_back(SharedBytes(std::string(part)));
  }
  absl::StatusOr<Value> array =
      IsUtf8(json) ? ParseJson(json, attachments)
                   : absl::StatusOr<Value>(absl::DataLossError("not UTF-8"));
  if (!array.ok()) return absl::DataLossError(array.status().message());
  return array->AsArray();
}

}  // namespace roomlog
