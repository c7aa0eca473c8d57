#include "base/zmq_message.h"

#include <memory>
#include <utility>

namespace roomlog {
namespace {

// Below it, copying is cheaper than handing over an allocation.
constexpr size_t kCopiedBytesMax = 1024;

}  // namespace

zmq::message_t ToZmqMessage(std::string bytes) {
  if (bytes.size() <= kCopiedBytesMax) {
    return zmq::message_t(bytes.data(), bytes.size());
  }
  auto* const owned = new std::string(std::move(bytes));
  return zmq::message_t(
      owned->data(), owned->size(),
      [](void*, void* hint) { delete static_cast<std::string*>(hint); }, owned);
}

SharedBytes FromZmqMessage(zmq::message_t message) {
  auto owner = std::make_shared<zmq::message_t>(std::move(message));
  const absl::string_view view(owner->data<char>(), owner->size());
  return SharedBytes(view, std::move(owner));
}

}  // namespace roomlog
