#include "base/zmq_message.h"

#include <cstring>
#include <memory>
#include <utility>

#include "google/protobuf/io/coded_stream.h"

namespace roomlog {

using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

zmq::message_t ToZmqMessage(const OutgoingMessage& message) {
  const auto header_bytes = static_cast<uint32_t>(message.header.size());
  zmq::message_t frame(CodedOutputStream::VarintSize32(header_bytes) +
                       message.header.size() + message.payload.size());
  uint8_t* at = CodedOutputStream::WriteVarint32ToArray(header_bytes,
                                                        frame.data<uint8_t>());
  for (const std::string* part : {&message.header, &message.payload}) {
    std::memcpy(at, part->data(), part->size());
    at += part->size();
  }
  return frame;
}

IncomingMessage FromZmqMessage(zmq::message_t frame) {
  auto owner = std::make_shared<zmq::message_t>(std::move(frame));
  const absl::string_view all(owner->data<char>(), owner->size());
  CodedInputStream in(owner->data<uint8_t>(), static_cast<int>(all.size()));
  uint32_t header_bytes = 0;
  if (!in.ReadVarint32(&header_bytes) ||
      header_bytes > all.size() - in.CurrentPosition()) {
    return {SharedBytes(all, std::move(owner)), SharedBytes()};
  }
  const absl::string_view rest = all.substr(in.CurrentPosition());
  return {SharedBytes(rest.substr(0, header_bytes), owner),
          SharedBytes(rest.substr(header_bytes), owner)};
}

}  // namespace roomlog
