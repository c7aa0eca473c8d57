// Any bytes on the HTTP port: heads, bodies, what is asked for, and the payload
// of a poll. The reader must say the same however the bytes are cut up, and
// keep what it was told to keep.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "node/engineio/handshake.h"
#include "node/engineio/http_reader.h"
#include "node/engineio/polling_payload.h"

namespace roomlog {
namespace {

constexpr size_t kBodyBytesMax = 1000;

void Require(bool holds) {
  if (!holds) std::abort();
}

void LookAt(const HttpRequest& request) {
  for (const CarriedBy carried_by :
       {CarriedBy::kNoSuchSession, CarriedBy::kPolling,
        CarriedBy::kWebSocket}) {
    const Verdict verdict = JudgeRequest(request, {}, carried_by);
    if (verdict.kind == Verdict::Kind::kRefused) {
      Require(verdict.answer.status >= 400);
    }
  }
  for (const auto& [name, value] : request.headers.All()) {
    Require(request.headers.Find(name).size() <= 16384);
    Require(value.find('\n') == value.npos);
  }
}

void LookAtPayload(absl::string_view payload) {
  PayloadReader reader(payload);
  size_t bytes = 0;
  while (const auto packet = reader.Next()) bytes += packet->data.size();
  Require(bytes <= payload.size());
}

// What the reader makes of the bytes, `step` at a time.
std::vector<std::string> Read(absl::string_view bytes, size_t step) {
  HttpReader reader;
  std::vector<std::string> events;
  std::string input;
  while (true) {
    absl::string_view rest = input;
    const HttpReader::Event event = reader.Read(&rest);
    input.erase(0, input.size() - rest.size());
    switch (event) {
      case HttpReader::Event::kNothing:
        if (bytes.empty()) return events;
        input.append(bytes.data(), std::min(step, bytes.size()));
        bytes.remove_prefix(std::min(step, bytes.size()));
        break;
      case HttpReader::Event::kHead:
        LookAt(reader.request());
        events.push_back("head " + std::string(reader.request().target));
        if (reader.AllowBody(kBodyBytesMax) == HttpReader::Event::kTooLarge) {
          return events;
        }
        break;
      case HttpReader::Event::kBody:
        Require(reader.body().size() <= kBodyBytesMax);
        LookAtPayload(reader.body());
        events.push_back("body " + std::string(reader.body()));
        reader.NextRequest();
        break;
      case HttpReader::Event::kTooLarge:
      case HttpReader::Event::kMalformed:
        events.emplace_back("bad");
        return events;
    }
  }
}

}  // namespace
}  // namespace roomlog

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = roomlog::Read(bytes, size + 1);
  // What is wrong may be noticed sooner or later, by how much was there.
  const auto pieces = roomlog::Read(bytes, 1 + size % 13);
  for (size_t i = 0; i < std::min(whole.size(), pieces.size()); ++i) {
    roomlog::Require(whole[i] == pieces[i] || whole[i] == "bad" ||
                     pieces[i] == "bad");
  }
  roomlog::LookAtPayload(bytes);
  return 0;
}
