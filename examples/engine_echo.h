// A bare Engine.IO server that says back every message: for conformance tests
// and measurements of the engine alone.
#ifndef ROOMLOG_EXAMPLES_ENGINE_ECHO_H_
#define ROOMLOG_EXAMPLES_ENGINE_ECHO_H_

#include <string>

#include "node/engineio/engine_options.h"

namespace roomlog {

struct EngineEchoOptions {
  std::string listen = "127.0.0.1:0";
  EngineOptions engine;
  // Each message goes to every client of its loop, instead of back alone.
  bool fans_out = false;
};

// Serves until SIGTERM or SIGINT, prints "listening on URL" when it does, and
// returns the program's exit code. SIGHUP reads the certificate anew.
int RunEngineEcho(EngineEchoOptions options);

}  // namespace roomlog

#endif  // ROOMLOG_EXAMPLES_ENGINE_ECHO_H_
