#include "base/json.h"

#include <simdjson.h>

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "gtest/gtest.h"

namespace roomlog {
namespace {

std::string Nested(size_t depth, char open, char close) {
  return std::string(depth, open) + std::string(depth, close);
}

const std::vector<std::string>& Json() {
  static const auto& cases = *new std::vector<std::string>{
      "null", "true", "false", "0", "-0", "7", "-12", "1.5", "0.25", "1e9",
      "1E+9", "-1.5e-09", R"("")", R"("text")", "\"\xc3\xbc\"",
      R"("\"\\\/\b\f\n\r\t\u00fC")", "[]", "{}", "[ ]", "{ }", "[1,2]",
      "[\n1 ,\t2\r]", R"({"a":1})", R"({ "a" : [ {} , [] ] , "" : null })",
      R"([[[],[]],{"a":{"b":{}}}])", R"({"a":1,"a":2})",
      // What simdjson would refuse, but JSON.stringify writes.
      "123456789012345678901234567890", R"("\ud800")", R"("\udc00\ud800")",
      "1e999", Nested(kJsonDepthMax, '[', ']')};
  return cases;
}

const std::vector<std::string>& NotJson() {
  static const auto& cases =
      *new std::vector<std::string>{"",
                                    " ",
                                    "1 ",
                                    " 1",
                                    "nul",
                                    "nulL",
                                    "nullx",
                                    "True",
                                    "undefined",
                                    "NaN",
                                    "Infinity",
                                    "-",
                                    "+1",
                                    "01",
                                    "-01",
                                    "1.",
                                    ".5",
                                    "1e",
                                    "1e+",
                                    "0x10",
                                    "1_0",
                                    "\"",
                                    "\"a",
                                    "\"a\"b",
                                    "'a'",
                                    "\"\n\"",
                                    std::string("\"\0\"", 3),
                                    R"("\x")",
                                    R"("\u12")",
                                    R"("\u12g4")",
                                    "\"\\",
                                    "[",
                                    "]",
                                    "[1",
                                    "[1,",
                                    "[1,]",
                                    "[,1]",
                                    "[1 2]",
                                    "[1]]",
                                    "[1}",
                                    "{",
                                    "}",
                                    "{1:2}",
                                    "{\"a\"}",
                                    "{\"a\":}",
                                    "{\"a\":1,}",
                                    "{\"a\" 1}",
                                    "{,}",
                                    "{\"a\":1]",
                                    "{a:1}",
                                    "[1]x",
                                    "// a comment",
                                    "[1/**/]",
                                    Nested(kJsonDepthMax + 1, '[', ']'),
                                    std::string(100000, '['),
                                    std::string(kJsonDepthMax + 1, '[')};
  return cases;
}

TEST(IsJsonTest, TakesJson) {
  for (const std::string& text : Json()) EXPECT_TRUE(IsJson(text)) << text;
}

TEST(IsJsonTest, RefusesWhatIsNot) {
  for (const std::string& text : NotJson()) EXPECT_FALSE(IsJson(text)) << text;
}

// What simdjson takes, we take; what it refuses, we refuse, but for numbers and
// text that it finds too hard.
TEST(IsJsonTest, AgreesWithSimdjson) {
  std::mt19937 random(271828);
  const auto below = [&](size_t bound) { return random() % bound; };
  const std::string alphabet = "[]{}:,\"\\u0159.-+eEtrufalsn \n\xc3\xa9x";
  simdjson::dom::parser parser;
  int taken = 0;
  for (int round = 0; round < 200000; ++round) {
    std::string text = Json()[below(Json().size() - 1)];
    if (below(2) == 0) text = absl::StrCat("[", text, ",", text, "]");
    for (size_t changes = below(4); changes > 0 && !text.empty(); --changes) {
      const size_t at = below(text.size());
      switch (below(3)) {
        case 0:
          text[at] = alphabet[below(alphabet.size())];
          break;
        case 1:
          text.erase(at, 1);
          break;
        default:
          text.insert(at, 1, alphabet[below(alphabet.size())]);
      }
    }
    if (!IsUtf8(text) || text.empty()) continue;
    const bool spaced = std::isspace(static_cast<unsigned char>(text[0])) ||
                        std::isspace(static_cast<unsigned char>(text.back()));
    if (spaced) continue;
    const simdjson::error_code error = parser.parse(text).error();
    const bool is_json = IsJson(text);
    taken += is_json ? 1 : 0;
    if (error == simdjson::SUCCESS) {
      EXPECT_TRUE(is_json) << text;
    } else if (error != simdjson::NUMBER_ERROR &&
               error != simdjson::STRING_ERROR) {
      EXPECT_FALSE(is_json) << text << ": " << error;
    }
  }
  EXPECT_GT(taken, 10000);
}

TEST(FirstElementTest, IsAsWritten) {
  const std::vector<std::pair<absl::string_view, absl::string_view>> cases = {
      {"[]", ""},
      {"[ ]", ""},
      {R"(["a"])", R"("a")"},
      {R"([ "a\"," , 1])", R"("a\",")"},
      {"[1.50,2]", "1.50"},
      {R"([{"a":[1,2]},3])", R"({"a":[1,2]})"},
  };
  for (const auto& [array, want] : cases) {
    EXPECT_EQ(FirstElement(array), want) << array;
  }
}

TEST(ElementsTest, AreAsWritten) {
  using Texts = std::vector<absl::string_view>;
  const std::vector<std::pair<absl::string_view, Texts>> cases = {
      {"[]", {}},
      {"[ ]", {}},
      {"[1]", {"1"}},
      {"[ \"a,]\" ,{ \"b\" : [1, {}] },null\t,-1.50e+07]",
       {"\"a,]\"", "{ \"b\" : [1, {}] }", "null", "-1.50e+07"}},
  };
  for (const auto& [array, want] : cases) {
    EXPECT_EQ(Elements(array, 4), want) << array;
  }
  EXPECT_EQ(Elements("[1,2,3]", 2), std::nullopt);
}

TEST(MembersTest, AreAsWritten) {
  using Found = std::vector<std::pair<std::string, absl::string_view>>;
  const std::vector<std::pair<absl::string_view, Found>> cases = {
      {"{}", {}},
      {"{ }", {}},
      {R"({"a":1})", {{"a", "1"}}},
      {R"({ "\u0061}" : { "b" : [1, {}] } ,"c":"}","c" : null })",
       {{"a}", R"({ "b" : [1, {}] })"}, {"c", R"("}")"}, {"c", "null"}}},
  };
  for (const auto& [object, want] : cases) {
    EXPECT_EQ(Members(object, 4), want) << object;
  }
  EXPECT_EQ(Members(R"({"a":1,"b":2,"c":3})", 2), std::nullopt);
}

TEST(UnquoteTest, SaysWhatTheStringMeans) {
  const std::vector<std::pair<absl::string_view, absl::string_view>> cases = {
      {R"("")", ""},
      {R"("plain")", "plain"},
      {R"("\"\\\/\b\f\n\r\t")", "\"\\/\b\f\n\r\t"},
      {R"("\u0041\u00e9\u20ac")", "A\xc3\xa9\xe2\x82\xac"},
      {R"("\uD83D\ude00!")", "\xf0\x9f\x98\x80!"},
      {R"("\ud83d")", "\xef\xbf\xbd"},
      {R"("\ude00x")", "\xef\xbf\xbdx"},
      {R"("\ud83d\ud83d\ude00")", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
      {R"("\ud83d\u0041")",
       "\xef\xbf\xbd"
       "A"},
  };
  for (const auto& [quoted, want] : cases) {
    EXPECT_EQ(Unquote(quoted), want) << quoted;
  }
}

TEST(QuoteTest, WritesWhatUnquoteReads) {
  for (absl::string_view text :
       {"", "plain", "\"\\/", "\x01\x1f\n", "\xc3\xa9"}) {
    const std::string quoted = Quote(text);
    EXPECT_TRUE(IsJson(quoted)) << quoted;
    EXPECT_EQ(Unquote(quoted), text);
  }
}

}  // namespace
}  // namespace roomlog
