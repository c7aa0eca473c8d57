#include "node/engineio/http_reader.h"

#include <string>
#include <vector>

#include "base/limits.h"
#include "gmock/gmock.h"

namespace roomlog {
namespace {

using Event = HttpReader::Event;
using ::testing::ElementsAre;

// What becomes of the bytes, given to the reader `step` at a time as a
// connection does: what it did not take is there again the next time.
std::vector<std::string> Read(absl::string_view bytes, size_t step,
                              size_t body_bytes_max = 100) {
  HttpReader reader;
  std::vector<std::string> events;
  std::string input;
  size_t begin = 0;
  while (true) {
    absl::string_view rest = input;
    const Event event = reader.Read(&rest);
    input.erase(0, input.size() - rest.size());
    switch (event) {
      case Event::kNothing:
        if (begin == bytes.size()) return events;
        input += std::string(bytes.substr(begin, step));
        begin += std::min(step, bytes.size() - begin);
        break;
      case Event::kHead: {
        const HttpRequest request = reader.request();
        events.push_back(std::string(request.method) + " " +
                         std::string(request.target));
        if (reader.AllowBody(body_bytes_max) == Event::kTooLarge) {
          events.emplace_back("body too large");
          return events;
        }
        break;
      }
      case Event::kBody:
        events.push_back("body " + std::string(reader.body()));
        reader.NextRequest();
        break;
      case Event::kTooLarge:
        events.emplace_back("too large");
        return events;
      case Event::kMalformed:
        events.emplace_back("malformed");
        return events;
    }
  }
}

TEST(HttpReaderTest, TakesRequestsApartHoweverTheyCome) {
  const std::string bytes =
      "GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n"
      "POST /c HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"
      "POST /d HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n"
      "POST /e HTTP/1.1\r\nContent-Length: 0\r\n\r\n";
  for (size_t step : {1, 2, 3, 7, 50, 1000}) {
    EXPECT_THAT(Read(bytes, step),
                ElementsAre("GET /a?b", "body ", "POST /c", "body hello",
                            "POST /d", "body abcdefg", "POST /e", "body "))
        << step;
  }
}

TEST(HttpReaderTest, RefusesWhatIsNoHttp) {
  for (absl::string_view bytes :
       {"hello\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\nNo colon\r\n\r\n", "\r\n\r\n\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "\x16\x03\x01\x02 TLS on a plain port\r\n\r\n"}) {
    EXPECT_THAT(Read(bytes, 1000), ElementsAre("malformed")) << bytes;
  }
  EXPECT_THAT(
      Read("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
           1000),
      ElementsAre("POST /", "malformed"));
}

TEST(HttpReaderTest, KeepsHeadsWithinBounds) {
  const std::string filler(kHttpHeaderBytesMax, 'x');
  for (size_t step : {100, 1000, 100000}) {
    for (const std::string& bytes :
         {"GET /" + filler, "GET / HTTP/1.1\r\nA: " + filler + "\r\n\r\n",
          "GET / HTTP/1.1\r\n" + filler}) {
      EXPECT_THAT(Read(bytes, step), ElementsAre("too large"));
    }
    std::string many = "GET / HTTP/1.1\r\n";
    while (many.size() < 3 * kHttpHeaderBytesMax) many += "A: b\r\n";
    EXPECT_THAT(Read(many, step), ElementsAre("too large")) << step;
  }
}

TEST(HttpReaderTest, KeepsBodiesWithinBounds) {
  EXPECT_THAT(Read("POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n", 1000),
              ElementsAre("POST /", "body too large"));
  const std::string chunk = "40\r\n" + std::string(64, 'x') + "\r\n";
  EXPECT_THAT(Read("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" +
                       chunk + chunk,
                   7),
              ElementsAre("POST /", "too large"));
  EXPECT_THAT(Read("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;" +
                       std::string(3 * kHttpHeaderBytesMax, 'x'),
                   1000),
              ElementsAre("POST /", "malformed"));
}

TEST(HttpReaderTest, SurvivesWhatFailedAnAssertionInBeast) {
  EXPECT_THAT(Read("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
                   "Transfe\x08\x01r-\r\nG1T / HTTP/1.1\x92\r\n\t\n",
                   1000),
              ElementsAre("POST /a", "malformed"));
}

TEST(HttpReaderTest, SeesAnUpgrade) {
  HttpReader reader;
  absl::string_view bytes =
      "GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\n"
      "Upgrade: websocket\r\nSec-WebSocket-Key: k\r\n"
      "Sec-WebSocket-Version: 13\r\n\r\nearly";
  ASSERT_EQ(reader.Read(&bytes), Event::kHead);
  EXPECT_EQ(bytes, "early");
  EXPECT_TRUE(reader.request().asks_websocket);
  EXPECT_EQ(reader.request().headers.Find("sec-websocket-key"), "k");
}

}  // namespace
}  // namespace roomlog
