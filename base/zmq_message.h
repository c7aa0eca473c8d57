// Between ZeroMQ's messages and ours.
#ifndef ROOMLOG_BASE_ZMQ_MESSAGE_H_
#define ROOMLOG_BASE_ZMQ_MESSAGE_H_

#include "base/transport.h"
#include "zmq.hpp"

namespace roomlog {

// A message is one frame: the size of the header as a varint32, the header, the
// payload. In two frames ZeroMQ would carry it without this copy; but a socket
// whose connection ends between the frames of a message aborts the process
// (libzmq 4.3.4, src/fq.cpp:112; see issue 3663 there).
zmq::message_t ToZmqMessage(const OutgoingMessage& message);

// The bytes stay in the frame, which the result keeps alive. Of what was not
// made so the header is all there is: whoever reads it will find it malformed.
IncomingMessage FromZmqMessage(zmq::message_t frame);

}  // namespace roomlog

#endif  // ROOMLOG_BASE_ZMQ_MESSAGE_H_
