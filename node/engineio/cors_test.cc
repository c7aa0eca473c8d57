#include "node/engineio/cors.h"

#include "gmock/gmock.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

HttpRequest From(absl::string_view origin) {
  HttpRequest request;
  if (!origin.empty()) request.headers.Add("Origin", origin);
  return request;
}

// As npm's `cors` 2.8 answers for the same options.
TEST(CorsTest, SaysWhoMayReadAnAnswer) {
  EXPECT_THAT(CorsHeaders({}, From("https://a")),
              ElementsAre(Pair("Access-Control-Allow-Origin", "*")));
  EXPECT_THAT(CorsHeaders({.origin = "https://b", .credentials = true},
                          From("https://a")),
              ElementsAre(Pair("Access-Control-Allow-Origin", "https://b"),
                          Pair("Vary", "Origin"),
                          Pair("Access-Control-Allow-Credentials", "true")));
  const CorsOptions list = {.origins = {"https://a", "https://b"},
                            .exposed_headers = "x-one"};
  EXPECT_THAT(CorsHeaders(list, From("https://b")),
              ElementsAre(Pair("Access-Control-Allow-Origin", "https://b"),
                          Pair("Vary", "Origin"),
                          Pair("Access-Control-Expose-Headers", "x-one")));
  EXPECT_THAT(CorsHeaders(list, From("https://c")),
              ElementsAre(Pair("Vary", "Origin"),
                          Pair("Access-Control-Expose-Headers", "x-one")));
  EXPECT_THAT(CorsHeaders({.reflects_origin = true}, From("https://c")),
              ElementsAre(Pair("Access-Control-Allow-Origin", "https://c"),
                          Pair("Vary", "Origin")));
  EXPECT_THAT(CorsHeaders({.reflects_origin = true}, From("")),
              ElementsAre(Pair("Vary", "Origin")));
}

TEST(CorsTest, AnswersAPreflight) {
  HttpRequest request = From("https://a");
  HttpAnswer answer = AnswerPreflight({}, request);
  EXPECT_EQ(answer.status, 204);
  EXPECT_THAT(answer.body, IsEmpty());
  EXPECT_THAT(answer.headers,
              ElementsAre(Pair("Access-Control-Allow-Origin", "*"),
                          Pair("Access-Control-Allow-Methods",
                               "GET,HEAD,PUT,PATCH,POST,DELETE"),
                          Pair("Vary", "Access-Control-Request-Headers"),
                          Pair("Content-Length", "0")));
  request.headers.Add("Access-Control-Request-Headers", "x-a, x-b");
  answer = AnswerPreflight({.origins = {"https://a"},
                            .credentials = true,
                            .methods = "GET",
                            .max_age_seconds = 60},
                           request);
  EXPECT_THAT(
      answer.headers,
      ElementsAre(Pair("Access-Control-Allow-Origin", "https://a"),
                  Pair("Access-Control-Allow-Credentials", "true"),
                  Pair("Access-Control-Allow-Methods", "GET"),
                  Pair("Vary", "Origin, Access-Control-Request-Headers"),
                  Pair("Access-Control-Allow-Headers", "x-a, x-b"),
                  Pair("Access-Control-Max-Age", "60"),
                  Pair("Content-Length", "0")));
  answer = AnswerPreflight({.allowed_headers = "x-c"}, request);
  EXPECT_THAT(answer.headers,
              ::testing::Contains(Pair("Access-Control-Allow-Headers", "x-c")));
}

}  // namespace
}  // namespace roomlog
