#include "node/socketio/value.h"

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "node/socketio/args.h"
#include "test/status_matchers.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;

constexpr auto kInvalidArgument = absl::StatusCode::kInvalidArgument;

TEST(ParseJsonTest, WritesWhatJavaScriptWouldWriteOfWhatItRead) {
  const std::vector<std::pair<absl::string_view, absl::string_view>> cases = {
      {"null", "null"},
      {"true", "true"},
      {"false", "false"},
      {R"("text")", R"("text")"},
      {"[]", "[]"},
      {"{}", "{}"},
      {"[ 1 , [ ] , { } ]", "[1,[],{}]"},
      {R"({ "b" : 1 , "a" : { "c" : [ null ] } })",
       R"({"b":1,"a":{"c":[null]}})"},
      {R"({"a":1,"b":2,"a":3})", R"({"a":3,"b":2})"},
      {R"("\u0041\n\"\\\/\u00fc")", "\"A\\n\\\"\\\\/\u00fc\""},
      {R"("\b\f\n\r\t\u001F\u007f")", "\"\\b\\f\\n\\r\\t\\u001f\x7f\""},
      {R"({"a\n":1})", R"({"a\n":1})"},
      {R"("\ud83d\ude00")", "\"\U0001F600\""},
      {R"("\ud83d")", "\"\ufffd\""},
      {R"(["\ude00x"])", "[\"\ufffdx\"]"},
      {R"("\u0000")", R"("\u0000")"},
      {"0", "0"},
      {"-0", "0"},
      {"1", "1"},
      {"-1.50", "-1.5"},
      {"1e3", "1000"},
      {"1E-7", "1e-7"},
      {"0.000001", "0.000001"},
      {"123456789012345680000", "123456789012345680000"},
      {"100000000000000000000", "100000000000000000000"},
      {"1000000000000000000000", "1e+21"},
      {"9007199254740993", "9007199254740992"},
      {"12345678901234567890", "12345678901234567000"},
      {"5e-324", "5e-324"},
      {"1.7976931348623157e308", "1.7976931348623157e+308"},
      {"1e400", "null"},
      {"-1e400", "null"},
      {"1e-400", "0"},
      {"0.1", "0.1"},
      {"123.456", "123.456"},
      {"1.5e22", "1.5e+22"},
      {"[{\"_placeholder\":true,\"num\":0}]",
       "[{\"_placeholder\":true,\"num\":0}]"},
  };
  for (const auto& [json, want] : cases) {
    const absl::StatusOr<Value> value = ParseJson(json);
    ASSERT_THAT(value, IsOk()) << json;
    EXPECT_EQ(value->ToJson(), want) << json;
  }
}

TEST(ParseJsonTest, RefusesWhatIsNotJson) {
  for (absl::string_view json :
       {"", " ", "nul", "[1,", "{", "01", "1.", "'a'", "[1]x", "\"\\x\"",
        "{1:2}", "NaN", "[,]", "\"\n\""}) {
    EXPECT_THAT(ParseJson(json), StatusIs(kInvalidArgument)) << json;
  }
  EXPECT_THAT(ParseJson(std::string(513, '[') + std::string(513, ']')),
              StatusIs(kInvalidArgument));
  EXPECT_THAT(ParseJson(std::string(512, '[') + std::string(512, ']')), IsOk());
}

TEST(ParseJsonTest, ManyMembersOfOneNameAreOne) {
  std::string json = "{";
  for (int i = 0; i < 1000; ++i) {
    json += "\"k" + std::to_string(i % 500) + "\":" + std::to_string(i) + ",";
  }
  json.back() = '}';
  const Value value = *ParseJson(json);
  EXPECT_EQ(value.size(), 500u);
  EXPECT_EQ(value["k3"], Value(503));
  EXPECT_EQ(value["k499"], Value(999));
}

TEST(ParseJsonTest, PutsBytesInThePlaceOfPlaceholders) {
  const std::vector<SharedBytes> bytes = {SharedBytes(std::string("one")),
                                          SharedBytes(std::string("two"))};
  const Value value = *ParseJson(
      R"(["x",{"_placeholder":true,"num":1},{"a":[{"num":0,"_placeholder":true}]}])",
      bytes);
  EXPECT_EQ(value[1].AsBinary(), "two");
  EXPECT_EQ(value[2]["a"][0].AsBinary(), "one");
  EXPECT_TRUE(value.has_binary());
  // And back, numbered in the order in which they stand.
  std::string json;
  std::vector<SharedBytes> attachments;
  value.AppendJson(&json, &attachments);
  EXPECT_EQ(
      json,
      R"(["x",{"_placeholder":true,"num":0},{"a":[{"_placeholder":true,"num":1}]}])");
  ASSERT_EQ(attachments.size(), 2u);
  EXPECT_EQ(attachments[0].view(), "two");
  EXPECT_EQ(attachments[1].view(), "one");
}

TEST(ValueTest, ReadsWhatIsNotThereAsADefault) {
  const Value value = *ParseJson(R"({"a":1,"b":[true,"x"]})");
  EXPECT_EQ(value["a"].AsNumber(), 1);
  EXPECT_TRUE(value["none"].is_null());
  EXPECT_TRUE(value["none"]["deeper"][7].is_null());
  EXPECT_EQ(value["a"].AsString("else"), "else");
  EXPECT_EQ(value["b"][0].AsNumber(5), 5);
  EXPECT_TRUE(value["b"][0].AsBool());
  EXPECT_EQ(value["b"].size(), 2u);
  EXPECT_EQ(Value("x").size(), 0u);
}

TEST(ValueTest, IsBuiltFromPlainCpp) {
  Value value = Value::ObjectOf({{"n", 1}, {"s", "text"}, {"b", false}});
  value.Set("n", 2.5);
  value.Set("list", Value::ArrayOf({nullptr, 3, Value::Binary("x")}));
  EXPECT_EQ(value.ToJson(),
            R"({"n":2.5,"s":"text","b":false,"list":[null,3,null]})");
  Value list;
  list.Append(1);
  list.Append(std::string("two"));
  EXPECT_EQ(list, Value::ArrayOf({1, "two"}));
  EXPECT_FALSE(list == Value::ArrayOf({1, 2}));
  EXPECT_EQ(Value(std::numeric_limits<double>::quiet_NaN()).ToJson(), "null");
}

TEST(ArgsTest, GivesValuesAndTheBytesTheyCameAs) {
  const Args args(R"(["name", 1.0 , {"a": 2}])", {}, 1);
  EXPECT_EQ(args.size(), 2u);
  EXPECT_EQ(args.Json(0), "1.0");
  EXPECT_EQ(args.Json(1), R"({"a": 2})");
  EXPECT_EQ(args.Json(2), "");
  EXPECT_EQ(args[0], Value(1));
  EXPECT_EQ(args[1]["a"], Value(2));
  EXPECT_TRUE(args[2].is_null());
  EXPECT_THAT(args.ToValues(),
              ElementsAre(Value(1), Value::ObjectOf({{"a", 2}})));
  EXPECT_TRUE(Args("[]", {}, 0).empty());
  EXPECT_TRUE(Args(R"(["name"])", {}, 1).empty());
}

}  // namespace
}  // namespace roomlog
