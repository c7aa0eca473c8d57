// Bytes anywhere in what is said: clients upload pictures, and all others get
// them with a caption.
#include <cstdio>
#include <string>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "node/server/server.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:3000", "where clients connect");

using roomlog::Ack;
using roomlog::Args;
using roomlog::Socket;
using roomlog::Value;

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  roomlog::Server io({.listen = absl::GetFlag(FLAGS_listen)});

  io.OnConnection([](Socket& socket) {
    // upload({caption: "me", picture: <Buffer>})
    socket.On("upload", [&socket](const Args& args, const Ack& ack) {
      const Value& picture = args[0]["picture"];
      if (!picture.is_binary()) return ack("that is no picture");
      socket.Broadcast().Emit("picture", args[0]["caption"], picture);
      ack(nullptr, picture.AsBinary().size());
    });

    // thumbnail(<Buffer>): the answer carries bytes, too.
    socket.On("thumbnail", [](const Args& args, const Ack& ack) {
      constexpr size_t kThumbnailBytes = 16;
      ack(Value::Binary(
          std::string(args[0].AsBinary().substr(0, kThumbnailBytes))));
    });
  });

  const absl::Status status = io.Run([](uint16_t port) {
    std::printf("listening on http://127.0.0.1:%d\n", port);
    std::fflush(stdout);
  });
  return status.ok() ? 0 : 1;
}
