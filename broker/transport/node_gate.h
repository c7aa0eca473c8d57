// Lets only nodes in that the broker knows.
#ifndef ROOMLOG_BROKER_TRANSPORT_NODE_GATE_H_
#define ROOMLOG_BROKER_TRANSPORT_NODE_GATE_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/curve_key.h"
#include "broker/transport/allowed_nodes.h"
#include "zmq.hpp"

namespace roomlog {

// Says so many lines in so long a time and then only how many more there were:
// who is turned away comes again, every second and for ever. One thread.
class SparingLog {
 public:
  using Log = std::function<void(absl::string_view line)>;

  SparingLog(Log log, const Clock& clock)
      : log_(std::move(log)), clock_(clock) {}

  void Say(absl::string_view line);

 private:
  const Log log_;
  const Clock& clock_;
  absl::Duration began_ = -absl::InfiniteDuration();
  int said_ = 0;
  int unsaid_ = 0;
};

// Answers ZeroMQ's question who may connect (ZAP, RFC 27), and tells the log of
// whom it turned away and why. Has a thread of its own.
class NodeGate {
 public:
  using Log = SparingLog::Log;

  // Borrows all but the key; `log` is called on the gate's thread.
  NodeGate(zmq::context_t& context, CurveKeyPair key, const AllowedNodes& nodes,
           const Clock& clock, Log log);
  ~NodeGate();
  NodeGate(const NodeGate&) = delete;
  NodeGate& operator=(const NodeGate&) = delete;

  // Makes `socket`, which is not bound yet, take nodes with keys only. Once.
  void Guard(zmq::socket_ref socket);

  // Whether who sent `message` may still speak. Who is taken off the list keeps
  // its connection, but is heard no more.
  bool MaySpeak(zmq::message_t& message) const;

 private:
  void RunThread();
  void AnswerQuestion();
  void TakeEvent();

  const CurveKeyPair key_;
  const AllowedNodes& nodes_;
  SparingLog log_;
  zmq::context_t& context_;
  zmq::socket_t questions_;
  zmq::socket_t events_;
  const int stop_fd_;
  std::thread thread_;
};

}  // namespace roomlog

#endif  // ROOMLOG_BROKER_TRANSPORT_NODE_GATE_H_
