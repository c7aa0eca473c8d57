#include "base/zmq_message.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"

namespace roomlog {
namespace {

TEST(ZmqMessageTest, BothPartsComeBack) {
  for (const size_t header : {0, 1, 127, 128, 100'000}) {
    for (const size_t payload : {0, 1, 1'000'000}) {
      const OutgoingMessage message = {std::string(header, 'h'),
                                       std::string(payload, 'p')};
      const IncomingMessage read = FromZmqMessage(ToZmqMessage(message));
      EXPECT_EQ(read.header.view(), message.header);
      EXPECT_EQ(read.payload.view(), message.payload);
    }
  }
}

TEST(ZmqMessageTest, WhatIsNoMessageIsAllHeader) {
  for (const std::string& bytes : std::vector<std::string>{
           "",
           "\x05"
           "abcd",
           std::string(10, '\xff'), "\xff\xff\xff\xff\x0f"}) {
    const IncomingMessage read =
        FromZmqMessage(zmq::message_t(bytes.data(), bytes.size()));
    EXPECT_EQ(read.header.view(), bytes);
    EXPECT_EQ(read.payload.size(), 0u);
  }
}

}  // namespace
}  // namespace roomlog
