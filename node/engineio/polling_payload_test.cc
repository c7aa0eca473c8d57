#include "node/engineio/polling_payload.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Read(absl::string_view payload) {
  std::vector<std::string> packets;
  PayloadReader reader(payload);
  while (const auto packet = reader.Next()) {
    packets.push_back((packet->is_binary ? "binary " : "text ") +
                      std::string(packet->data));
  }
  return packets;
}

TEST(PayloadReaderTest, TakesPacketsApart) {
  EXPECT_THAT(Read(""), ElementsAre("text "));
  EXPECT_THAT(Read("4a"), ElementsAre("text 4a"));
  EXPECT_THAT(Read("4a\x1e"
                   "2\x1e"),
              ElementsAre("text 4a", "text 2", "text "));
  EXPECT_THAT(Read("4a\x1e"
                   "bYQ==\x1e"
                   "4b"),
              ElementsAre("text 4a", "binary a", "text 4b"));
}

TEST(PayloadReaderTest, DecodesBase64AsNodeDoes) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", ""},
      {"YQ==", "a"},
      {"YQ", "a"},
      {"YWI=", "ab"},
      {"YWJj", "abc"},
      {"+/+/", "\xfb\xff\xbf"},
      {"-_-_", "\xfb\xff\xbf"},
      {"***", ""},
      {"Y*W\nJj", "abc"},
      {"YQ==YQ==", "a"},
      {"Y", ""}};
  for (const auto& [text, bytes] : cases) {
    EXPECT_THAT(Read("b" + text), ElementsAre("binary " + bytes)) << text;
  }
}

TEST(AppendToPayloadTest, IsWhatTheReaderReads) {
  std::string payload;
  std::vector<std::string> want;
  for (int size = 0; size < 50; ++size) {
    std::string bytes;
    for (int i = 0; i < size; ++i) bytes.push_back(static_cast<char>(i * 37));
    AppendToPayload(*MakeBinaryFrame(bytes), &payload);
    want.push_back("binary " + bytes);
    AppendToPayload(*MakeFrame("x"), &payload);
    want.emplace_back("text 4x");
  }
  EXPECT_EQ(Read(payload), want);
}

}  // namespace
}  // namespace roomlog
