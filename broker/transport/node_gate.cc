#include "broker/transport/node_gate.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace roomlog {
namespace {

constexpr int kLinesPerSpan = 5;
constexpr absl::Duration kSpan = absl::Seconds(10);

// Where ZeroMQ asks, within a context.
constexpr char kQuestions[] = "inproc://zeromq.zap.01";
constexpr char kEvents[] = "inproc://node-gate-events";
constexpr char kDomain[] = "roomlog";
// A message's property, as AnswerQuestion() gave it.
constexpr char kUserId[] = "User-Id";

absl::string_view View(const zmq::message_t& message) {
  return {static_cast<const char*>(message.data()), message.size()};
}

// The frames of the next message; empty if none is there.
std::vector<zmq::message_t> ReceiveAll(zmq::socket_t& socket) {
  std::vector<zmq::message_t> frames;
  bool more = true;
  while (more) {
    zmq::message_t frame;
    if (!socket.recv(frame, zmq::recv_flags::dontwait)) break;
    more = frame.more();
    frames.push_back(std::move(frame));
  }
  return frames;
}

// Why a connection failed before it came to a question.
absl::string_view ReasonOf(uint16_t event, uint32_t value) {
  if (event == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL) {
    return "it hung up before it had shown a key: has it one (--key_file)?";
  }
  switch (value) {
    case ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH:
      return "it has no key (--key_file)";
    case ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC:
      return "it takes us for a broker with another key (--broker_key)";
    default:
      return "it does not speak our protocol";
  }
}

}  // namespace

void SparingLog::Say(absl::string_view line) {
  const absl::Duration now = clock_.Steady();
  if (now - began_ >= kSpan) {
    if (unsaid_ > 0) log_(absl::StrCat("and ", unsaid_, " more like these"));
    began_ = now;
    said_ = 0;
    unsaid_ = 0;
  }
  if (said_ == kLinesPerSpan) {
    ++unsaid_;
    return;
  }
  ++said_;
  log_(line);
}

NodeGate::NodeGate(zmq::context_t& context, CurveKeyPair key,
                   const AllowedNodes& nodes, const Clock& clock, Log log)
    : key_(std::move(key)),
      nodes_(nodes),
      log_(std::move(log), clock),
      context_(context),
      questions_(context, zmq::socket_type::rep),
      events_(context, zmq::socket_type::pair),
      stop_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

NodeGate::~NodeGate() {
  eventfd_write(stop_fd_, 1);
  if (thread_.joinable()) thread_.join();
  close(stop_fd_);
}

void NodeGate::Guard(zmq::socket_ref socket) {
  questions_.set(zmq::sockopt::linger, 0);
  questions_.bind(kQuestions);
  socket.set(zmq::sockopt::curve_server, true);
  socket.set(zmq::sockopt::curve_secretkey, key_.secret_bytes());
  // Without a domain nobody would be asked.
  socket.set(zmq::sockopt::zap_domain, kDomain);
  zmq_socket_monitor(socket.handle(), kEvents,
                     ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                         ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL);
  events_.set(zmq::sockopt::linger, 0);
  events_.connect(kEvents);
  thread_ = std::thread([this] { RunThread(); });
}

bool NodeGate::MaySpeak(zmq::message_t& message) const {
  const char* const user = zmq_msg_gets(message.handle(), kUserId);
  return user != nullptr && nodes_.NameOf(user).has_value();
}

void NodeGate::RunThread() {
  while (true) {
    zmq::pollitem_t items[] = {{questions_.handle(), 0, ZMQ_POLLIN, 0},
                               {events_.handle(), 0, ZMQ_POLLIN, 0},
                               {nullptr, stop_fd_, ZMQ_POLLIN, 0}};
    try {
      zmq::poll(items, 3, std::chrono::milliseconds(-1));
      if ((items[2].revents & ZMQ_POLLIN) != 0) return;
      if ((items[0].revents & ZMQ_POLLIN) != 0) AnswerQuestion();
      if ((items[1].revents & ZMQ_POLLIN) != 0) TakeEvent();
    } catch (const zmq::error_t& error) {
      if (error.num() == ETERM) return;
    }
  }
}

void NodeGate::AnswerQuestion() {
  // Version, request, domain, address, routing id, mechanism, key.
  const std::vector<zmq::message_t> question = ReceiveAll(questions_);
  std::optional<std::string> name;
  std::string key;
  if (question.size() == 7 && View(question[5]) == "CURVE") {
    key = absl::BytesToHexString(View(question[6]));
    name = nodes_.NameOf(key);
  }
  if (!name.has_value()) {
    log_.Say(absl::StrCat(
        "a node at ",
        question.size() > 3 ? absl::CHexEscape(View(question[3])) : "?",
        " was turned away: its key ", key, " is not in ", nodes_.path()));
  }
  const auto send = [this](absl::string_view text, bool more) {
    questions_.send(zmq::message_t(text.data(), text.size()),
                    more ? zmq::send_flags::sndmore : zmq::send_flags::none);
  };
  send("1.0", true);
  send(question.size() > 1 ? View(question[1]) : "", true);
  send(name.has_value() ? "200" : "400", true);
  send(name.has_value() ? "OK" : "unknown key", true);
  send(name.has_value() ? key : "", true);
  send("", false);
}

void NodeGate::TakeEvent() {
  // The event and its value, then the address it came to.
  const std::vector<zmq::message_t> frames = ReceiveAll(events_);
  if (frames.empty() || frames[0].size() != 6) return;
  uint16_t event = 0;
  uint32_t value = 0;
  std::memcpy(&event, frames[0].data(), sizeof(event));
  std::memcpy(&value, frames[0].data<char>() + sizeof(event), sizeof(value));
  log_.Say(absl::StrCat("a node was turned away: ", ReasonOf(event, value)));
}

}  // namespace roomlog
