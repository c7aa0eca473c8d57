#include "node/api/api_request.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "node/api/api_limits.h"
#include "node/api/openapi.h"
#include "node/socketio/value.h"

namespace roomlog {
namespace {

using ::testing::HasSubstr;

ApiRequest Ask(absl::string_view method, absl::string_view target,
               absl::string_view body = "") {
  const absl::string_view path = target.substr(0, target.find('?'));
  const size_t mark = target.find('?');
  const std::string full = absl::StrCat(kApiPrefix, path);
  auto match = MatchApiRoute(method, full);
  if (auto* error = std::get_if<ApiError>(&match)) return std::move(*error);
  const auto& [route, names] = std::get<ApiMatch>(match);
  return route->read(
      {names, mark == target.npos ? "" : target.substr(mark + 1), body});
}

template <typename Wanted>
Wanted Read(absl::string_view method, absl::string_view target,
            absl::string_view body = "") {
  ApiRequest request = Ask(method, target, body);
  if (const auto* error = std::get_if<ApiError>(&request)) {
    ADD_FAILURE() << error->code << ": " << error->message;
    return {};
  }
  return std::get<Wanted>(std::move(request));
}

std::string Refused(absl::string_view method, absl::string_view target,
                    absl::string_view body = "") {
  const ApiRequest request = Ask(method, target, body);
  const auto* error = std::get_if<ApiError>(&request);
  if (error == nullptr) return "taken";
  return absl::StrCat(error->status, " ", error->code, ": ", error->message);
}

TEST(ApiRequestTest, PublishesWhatTheBodySays) {
  const auto publish = Read<ClientPublish>(
      "POST", "publish",
      R"( {"room":"a/b","event":"said","data":{"n":12345678901234567890.10},)"
      R"("id":"7","namespace":"/chat"} )");
  EXPECT_EQ(publish.room.name_space(), "/chat");
  EXPECT_EQ(publish.room.room(), "a/b");
  EXPECT_EQ(publish.id, "7");
  // Byte for byte.
  EXPECT_THAT(publish.packet,
              HasSubstr(R"(["said",{"n":12345678901234567890.10})"));
}

TEST(ApiRequestTest, LeavesOutWhatMayBeLeftOut) {
  const auto publish =
      Read<ClientPublish>("POST", "publish", R"({"room":"r","event":"e"})");
  EXPECT_EQ(publish.room.name_space(), "/");
  EXPECT_EQ(publish.id, "");
  EXPECT_THAT(publish.packet, HasSubstr(R"(["e",null)"));
}

TEST(ApiRequestTest, EachEventOfABatchStandsForItself) {
  const auto batch = Read<ApiBatch>(
      "POST", "publish/batch",
      R"({"events":[{"room":"r","event":"e"},{"room":"","event":"e"},7]})");
  ASSERT_EQ(batch.events.size(), 3u);
  EXPECT_TRUE(std::holds_alternative<ClientPublish>(batch.events[0]));
  EXPECT_EQ(std::get<ApiError>(batch.events[1]).code, "bad_room");
  EXPECT_EQ(std::get<ApiError>(batch.events[2]).code, "bad_request");
  EXPECT_TRUE(Read<ApiBatch>("POST", "publish/batch", R"({"events":[]})")
                  .events.empty());
}

TEST(ApiRequestTest, ABatchHasABound) {
  const auto body = [](size_t events) {
    const std::vector<absl::string_view> all(events,
                                             R"({"room":"r","event":"e"})");
    return absl::StrCat("{\"events\":[", absl::StrJoin(all, ","), "]}");
  };
  EXPECT_EQ(Refused("POST", "publish/batch", body(kApiBatchEventsMax)),
            "taken");
  EXPECT_THAT(Refused("POST", "publish/batch", body(kApiBatchEventsMax + 1)),
              HasSubstr("413 too_large"));
}

TEST(ApiRequestTest, ReadsHistoryByItsQuery) {
  const auto history = Read<ClientHistory>(
      "GET", "rooms/a%2Fb%20c/history?namespace=%2Fchat&limit=7&after=1-2a");
  EXPECT_EQ(history.room.name_space(), "/chat");
  EXPECT_EQ(history.room.room(), "a/b c");
  EXPECT_EQ(history.limit, 7u);
  ASSERT_TRUE(history.after.has_value());
  EXPECT_EQ(FormatPosition(*history.after), "1-2a");
}

TEST(ApiRequestTest, AsksWhoIsInARoomOrANamespace) {
  const auto room = Read<ClientPresence>(
      "GET", "rooms/r/presence?list=users&after=ann&limit=2");
  EXPECT_EQ(room.room.room(), "r");
  EXPECT_EQ(room.query.what, PresenceQuery::What::kUsers);
  EXPECT_EQ(room.query.after, "ann");
  EXPECT_EQ(room.query.limit, 2u);
  EXPECT_EQ(Read<ClientPresence>("GET", "presence").room.room(), "");
}

TEST(ApiRequestTest, SaysWhatIsWrong) {
  struct Case {
    const char* method;
    const char* target;
    const char* body;
    const char* message;
  };
  const std::vector<Case> cases = {
      {"GET", "nothing", "", "404 not_found"},
      {"GET", "rooms/r", "", "404 not_found"},
      {"GET", "rooms/r/history/x", "", "404 not_found"},
      {"GET", "rooms/%ff/history", "", "404 not_found"},
      {"GET", "rooms/%zz/history", "", "404 not_found"},
      {"GET", "publish", "", "405 bad_method: this takes POST, not GET"},
      {"PUT", "rooms/r/history", "", "405 bad_method"},
      {"POST", "publish", "", "400 bad_request: a body is wanted"},
      {"POST", "publish", "{", "400 bad_request: this is not JSON"},
      {"POST", "publish", "\xff", "400 bad_request: this is not JSON"},
      {"POST", "publish", "[]", "400 bad_request: an object is wanted"},
      {"POST", "publish", R"({"event":"e"})", "400 bad_room"},
      {"POST", "publish", R"({"room":"r"})", "400 bad_event"},
      {"POST", "publish", R"({"room":7,"event":"e"})", "400 bad_room"},
      {"POST", "publish", R"({"room":"r","event":"connect"})", "400 bad_event"},
      {"POST", "publish", R"({"room":"$roomlog/x","event":"e"})",
       "400 bad_room"},
      {"POST", "publish", R"({"room":"r","event":"e","x":1})",
       "unknown member \"x\""},
      {"POST", "publish", R"({"room":"r","event":"e","room":"s"})",
       "the member room is there twice"},
      {"POST", "publish", R"({"room":"r","event":"e","id":7})",
       "400 bad_request: id must be a string"},
      {"POST", "publish", R"({"room":"r","event":"e","namespace":"/$node"})",
       "400 bad_request: no namespace"},
      {"POST", "publish", R"({"room":"r","event":"e","namespace":"chat"})",
       "400 bad_request: no namespace"},
      {"POST", "publish", R"({"room":"r","event":"e","namespace":1})",
       "namespace must be a string"},
      {"POST", "publish/batch", R"({"events":7})", "the body must be"},
      {"POST", "publish/batch", R"({"events":[],"x":1})", "the body must be"},
      {"GET", "rooms/r/history?limit=0", "", "limit must be from 1"},
      {"GET", "rooms/r/history?limit=x", "", "limit must be a whole number"},
      {"GET", "rooms/r/history?limit=99999999999999999999", "",
       "400 bad_request"},
      {"GET", "rooms/r/history?after=1-1&before=1-2", "", "only one of"},
      {"GET", "rooms/r/history?after=x", "", "400 bad_offset"},
      {"GET", "rooms/r/history?order=up", "", "unknown parameter \"order\""},
      {"GET", "rooms/r/history?limit=1&limit=2", "", "is there twice"},
      {"GET", "rooms/r/presence?list=all", "", "list must be"},
      {"GET", "rooms//presence", "", "400 bad_room"},
      {"GET", "presence?watch=true", "", "unknown parameter"},
  };
  for (const Case& each : cases) {
    EXPECT_THAT(Refused(each.method, each.target, each.body),
                HasSubstr(each.message))
        << each.method << " " << each.target << " " << each.body;
  }
}

TEST(ApiRequestTest, TheDescriptionHasTheseRoutesAndNoOthers) {
  const absl::StatusOr<Value> description =
      ParseJson(absl::StripAsciiWhitespace(kOpenApiJson));
  ASSERT_TRUE(description.ok()) << description.status();
  std::set<std::string> described;
  for (const auto& [path, operations] : (*description)["paths"].AsObject()) {
    for (const auto& [method, operation] : operations.AsObject()) {
      described.insert(absl::StrCat(absl::AsciiStrToUpper(method), " ", path));
      const bool is_public =
          operation["security"].is_array() && operation["security"].size() == 0;
      const auto match =
          MatchApiRoute(absl::AsciiStrToUpper(method),
                        absl::StrCat(absl::StripSuffix(kApiPrefix, "/"), path));
      ASSERT_TRUE(std::holds_alternative<ApiMatch>(match)) << path;
      const ApiRoute& route = *std::get<ApiMatch>(match).route;
      EXPECT_EQ(route.is_public, is_public) << path;
      EXPECT_EQ(route.takes_body, operation["requestBody"].is_object()) << path;
    }
  }
  std::set<std::string> routes;
  for (const ApiRoute& route : ApiRoutes()) {
    routes.insert(absl::StrCat(route.method, " /", route.path));
  }
  EXPECT_EQ(described, routes);
}

}  // namespace
}  // namespace roomlog
