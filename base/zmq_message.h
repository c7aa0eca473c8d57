// Between ZeroMQ's messages and our bytes, without copying large ones.
#ifndef ROOMLOG_BASE_ZMQ_MESSAGE_H_
#define ROOMLOG_BASE_ZMQ_MESSAGE_H_

#include <string>

#include "base/shared_bytes.h"
#include "zmq.hpp"

namespace roomlog {

// The message owns the bytes from here on.
zmq::message_t ToZmqMessage(std::string bytes);

// The bytes stay in the message, which the result keeps alive.
SharedBytes FromZmqMessage(zmq::message_t message);

}  // namespace roomlog

#endif  // ROOMLOG_BASE_ZMQ_MESSAGE_H_
