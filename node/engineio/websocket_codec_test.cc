#include "node/engineio/websocket_codec.h"

#include <algorithm>
#include <ostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "node/engineio/client_frames.h"

namespace roomlog {

std::ostream& operator<<(std::ostream& out, WebSocketReader::Kind kind) {
  constexpr const char* kNames[] = {"nothing", "text",  "binary", "ping",
                                    "pong",    "close", "error"};
  return out << kNames[static_cast<int>(kind)];
}

namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::Pair;
using Kind = WebSocketReader::Kind;

constexpr size_t kMessageBytesMax = 1000;

// What the reader makes of `wire`, handed over `piece_bytes` at a time; up to
// the first error.
std::vector<std::pair<Kind, std::string>> ReadAll(
    std::string wire, size_t piece_bytes = std::string::npos) {
  WebSocketReader reader(kMessageBytesMax);
  std::vector<std::pair<Kind, std::string>> results;
  absl::Span<char> rest = absl::MakeSpan(wire);
  while (!rest.empty()) {
    absl::Span<char> piece = rest.subspan(0, piece_bytes);
    rest.remove_prefix(piece.size());
    while (!piece.empty()) {
      const WebSocketReader::Result result = reader.Read(&piece);
      if (result.kind == Kind::kNothing) continue;
      results.emplace_back(result.kind, std::string(result.payload));
      if (result.kind == Kind::kError) return results;
    }
  }
  return results;
}

WebSocketCloseCode ErrorOf(std::string wire) {
  WebSocketReader reader(kMessageBytesMax);
  absl::Span<char> input = absl::MakeSpan(wire);
  while (!input.empty()) {
    const WebSocketReader::Result result = reader.Read(&input);
    if (result.kind == Kind::kError) {
      EXPECT_FALSE(result.error.empty());
      // And it stays so.
      std::string more = ClientText("2");
      absl::Span<char> next = absl::MakeSpan(more);
      EXPECT_EQ(reader.Read(&next).kind, Kind::kError);
      return result.close_code;
    }
  }
  return WebSocketCloseCode::kNone;
}

TEST(WebSocketReaderTest, ReadsMessagesHoweverTheyAreCut) {
  const std::string long_text(300, 'l');
  const std::string wire = absl::StrCat(
      ClientText("42[\"hi\"]"), ClientText(""), ClientText(long_text),
      ClientFrame(0x82, "bytes"),
      // One message in three fragments, a ping and a pong in between.
      ClientFrame(0x01, "one "), ClientFrame(0x89, "ping"),
      ClientFrame(0x00, "two "), ClientFrame(0x8a, ""),
      ClientFrame(0x80, "thr\xc3\xa9\x65"),
      // Fragments that carry nothing.
      ClientFrame(0x02, ""), ClientFrame(0x00, ""), ClientFrame(0x80, "x"),
      ClientFrame(0x89, "again"), ClientText("end"));
  for (size_t piece_bytes : {size_t{1}, size_t{2}, size_t{3}, size_t{7},
                             size_t{64}, std::string::npos}) {
    EXPECT_THAT(
        ReadAll(wire, piece_bytes),
        ElementsAre(Pair(Kind::kText, "42[\"hi\"]"), Pair(Kind::kText, ""),
                    Pair(Kind::kText, long_text), Pair(Kind::kBinary, "bytes"),
                    Pair(Kind::kPing, "ping"), Pair(Kind::kPong, ""),
                    Pair(Kind::kText, "one two thr\xc3\xa9\x65"),
                    Pair(Kind::kBinary, "x"), Pair(Kind::kPing, "again"),
                    Pair(Kind::kText, "end")))
        << piece_bytes;
  }
}

TEST(WebSocketReaderTest, TellsWhyTheClientCloses) {
  const std::vector<std::pair<std::string, int>> cases = {
      {"", 1005},
      {std::string("\x03\xe8", 2), 1000},
      {std::string("\x03\xe9", 2) + "going", 1001},
      {std::string("\x0b\xb8", 2), 3000},
      {std::string("\x13\x87", 2), 4999},
  };
  for (const auto& [payload, code] : cases) {
    std::string wire = ClientFrame(0x88, payload);
    absl::Span<char> input = absl::MakeSpan(wire);
    const WebSocketReader::Result result =
        WebSocketReader(kMessageBytesMax).Read(&input);
    EXPECT_EQ(result.kind, Kind::kClose) << code;
    EXPECT_EQ(static_cast<int>(result.close_code), code);
  }
}

TEST(WebSocketReaderTest, TakesMessagesUpToTheBound) {
  const std::string most(kMessageBytesMax, 'm');
  EXPECT_THAT(ReadAll(ClientText(most)), ElementsAre(Pair(Kind::kText, most)));
  for (const std::string& wire : {
           ClientText(most + "m"),
           ClientFrame(0x01, most) + ClientFrame(0x80, "m"),
           // Told by the head alone: nobody waits for the rest.
           std::string("\x81\xff\x00\x00\x00\x01\x00\x00\x00\x00mask", 14),
       }) {
    EXPECT_EQ(ErrorOf(wire), WebSocketCloseCode::kTooLarge);
  }
}

TEST(WebSocketReaderTest, RefusesWhatTheProtocolForbids) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"reserved bit 1", ClientFrame(0xc1, "x")},
      {"reserved bit 2", ClientFrame(0xa1, "x")},
      {"reserved bit 3", ClientFrame(0x91, "x")},
      {"opcode 3", ClientFrame(0x83, "x")},
      {"opcode 7", ClientFrame(0x87, "x")},
      {"opcode 11", ClientFrame(0x8b, "x")},
      {"opcode 15", ClientFrame(0x8f, "x")},
      {"no mask", std::string("\x81\x01x")},
      {"no mask, told at once", std::string("\x81\x7f")},
      {"fragmented ping", ClientFrame(0x09, "x")},
      {"fragmented close", ClientFrame(0x08, "")},
      {"large ping", ClientFrame(0x89, std::string(126, 'x'))},
      {"nothing to continue", ClientFrame(0x80, "x")},
      {"text within a message", ClientFrame(0x01, "x") + ClientText("y")},
      {"binary within a message",
       ClientFrame(0x01, "x") + ClientFrame(0x82, "y")},
      {"long length for a short one", std::string("\x81\xfe\x00\x05mask", 8)},
      {"longer length for a long one",
       std::string("\x81\xff\x00\x00\x00\x00\x00\x00\x01\x00mask", 14)},
      {"negative length",
       std::string("\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00mask", 14)},
      {"half a close code", ClientFrame(0x88, "\x03")},
      {"close code 0", ClientFrame(0x88, std::string("\x00\x00", 2))},
      {"close code 999", ClientFrame(0x88, "\x03\xe7")},
      {"close code 1004", ClientFrame(0x88, "\x03\xec")},
      {"close code 1005", ClientFrame(0x88, "\x03\xed")},
      {"close code 1006", ClientFrame(0x88, "\x03\xee")},
      {"close code 1015", ClientFrame(0x88, "\x03\xf7")},
      {"close code 2999", ClientFrame(0x88, "\x0b\xb7")},
      {"close code 5000", ClientFrame(0x88, "\x13\x88")},
  };
  for (const auto& [name, wire] : cases) {
    EXPECT_EQ(ErrorOf(wire), WebSocketCloseCode::kProtocolError) << name;
  }
}

TEST(WebSocketReaderTest, RefusesTextThatIsNotUtf8) {
  const std::vector<std::string> cases = {
      ClientText("\xff"),
      ClientText("cut \xc3"),
      ClientText("surrogate \xed\xa0\x80"),
      ClientText(std::string("overlong \xc0\x80")),
      ClientFrame(0x01, "\xc3") + ClientFrame(0x80, "x"),
      ClientFrame(0x88, "\x03\xe8 because \xff"),
  };
  for (const std::string& wire : cases) {
    EXPECT_EQ(ErrorOf(wire), WebSocketCloseCode::kNotUtf8)
        << absl::CHexEscape(wire);
  }
  // A character may be cut by the edge of a fragment.
  EXPECT_THAT(ReadAll(ClientFrame(0x01, "\xc3") + ClientFrame(0x80, "\xa9")),
              ElementsAre(Pair(Kind::kText, "\xc3\xa9")));
  EXPECT_THAT(ReadAll(ClientFrame(0x82, "\xff")),
              ElementsAre(Pair(Kind::kBinary, "\xff")));
}

TEST(EncodeFrameTest, WritesTheShortestLength) {
  const std::vector<std::pair<size_t, std::string>> cases = {
      {0, std::string("\x81\x00", 2)},
      {125, "\x81\x7d"},
      {126, std::string("\x81\x7e\x00\x7e", 4)},
      {65535, "\x81\x7e\xff\xff"},
      {65536, std::string("\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10)},
  };
  for (const auto& [size, head] : cases) {
    const std::string payload(size, 'p');
    EXPECT_EQ(EncodeFrame(WebSocketOpcode::kText, payload), head + payload);
  }
}

TEST(EncodeFrameTest, WritesCloseFrames) {
  EXPECT_EQ(EncodeCloseFrame(WebSocketCloseCode::kNone),
            std::string("\x88\x00", 2));
  EXPECT_EQ(EncodeCloseFrame(WebSocketCloseCode::kTooLarge),
            "\x88\x02\x03\xf1");
}

// Whatever the bytes and however they are cut: the same result, no message
// beyond the bound, no text that is none, and nothing after an error.
TEST(WebSocketReaderTest, SurvivesMutatedFrames) {
  std::mt19937 random(20240607);
  const auto below = [&](size_t bound) { return random() % bound; };
  for (int round = 0; round < 20000; ++round) {
    std::string wire;
    for (size_t frames = 1 + below(4); frames > 0; --frames) {
      constexpr uint8_t kFirstBytes[] = {0x81, 0x82, 0x01, 0x02, 0x00,
                                         0x80, 0x88, 0x89, 0x8a};
      std::string payload(below(round % 100 == 0 ? 1200 : 140), '\0');
      for (char& c : payload) c = static_cast<char>(' ' + below(96));
      wire += ClientFrame(kFirstBytes[below(std::size(kFirstBytes))], payload);
    }
    for (size_t changes = below(4); changes > 0; --changes) {
      wire[below(wire.size())] = static_cast<char>(random());
    }
    if (below(4) == 0) wire.resize(below(wire.size()) + 1);
    const auto whole = ReadAll(wire);
    EXPECT_THAT(ReadAll(wire, 1 + below(20)), ElementsAreArray(whole));
    for (const auto& [kind, payload] : whole) {
      EXPECT_LE(payload.size(), kMessageBytesMax);
    }
  }
}

TEST(WebSocketReaderTest, ReadsCompressedMessagesIfItMay) {
  MessageInflater inflater;
  MessageDeflater deflater;
  const std::string text(5000, 'x');
  const std::string packed = deflater.Deflate(text);
  struct Case {
    std::string bytes;
    WebSocketReader::Kind kind;
    WebSocketCloseCode code;
  };
  using Kind = WebSocketReader::Kind;
  using Code = WebSocketCloseCode;
  const std::vector<Case> cases = {
      {ClientFrame(0xc1, packed), Kind::kText, Code::kNone},
      {ClientFrame(0xc2, packed), Kind::kBinary, Code::kNone},
      {ClientFrame(0x41, packed.substr(0, 5)) +
           ClientFrame(0x80, packed.substr(5)),
       Kind::kText, Code::kNone},
      {ClientFrame(0xc1, deflater.Deflate(std::string(20000, 'x'))),
       Kind::kError, Code::kTooLarge},
      {ClientFrame(0xc1, "\xff\xff\xff"), Kind::kError, Code::kNotUtf8},
      {ClientFrame(0xc1, deflater.Deflate("\xff")), Kind::kError,
       Code::kNotUtf8},
      {ClientFrame(0x01, "a") + ClientFrame(0xc0, "b"), Kind::kError,
       Code::kProtocolError},
      {ClientFrame(0xc9, ""), Kind::kError, Code::kProtocolError},
      {ClientFrame(0xa1, ""), Kind::kError, Code::kProtocolError},
  };
  for (const Case& one : cases) {
    WebSocketReader reader(10000, &inflater);
    std::string bytes = one.bytes;
    absl::Span<char> input = absl::MakeSpan(bytes);
    WebSocketReader::Result result;
    while (!input.empty() && result.kind != Kind::kError) {
      result = reader.Read(&input);
    }
    EXPECT_EQ(result.kind, one.kind) << result.error;
    EXPECT_EQ(result.close_code, one.code) << result.error;
    if (one.kind != Kind::kError) {
      EXPECT_EQ(result.payload, text);
    }
  }
  WebSocketReader plain(10000);
  std::string bytes = ClientFrame(0xc1, packed);
  absl::Span<char> input = absl::MakeSpan(bytes);
  EXPECT_EQ(plain.Read(&input).kind, Kind::kError);
}

}  // namespace
}  // namespace roomlog
