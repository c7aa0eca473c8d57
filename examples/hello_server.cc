// The first program of docs/cpp-api.md.
#include "node/server/server.h"

int main() {
  roomlog::Server io({.listen = "127.0.0.1:3000"});
  io.OnConnection([](roomlog::Socket& socket) {
    socket.On("hi", [](const roomlog::Args& args, const roomlog::Ack& ack) {
      ack("there", args[0]);
    });
  });
  return io.Run().ok() ? 0 : 1;
}
