#include "users/json_merge.h"

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace roomlog {
namespace {

// RFC 7396, appendix A, and what it leaves to the writer.
struct Case {
  absl::string_view target;
  absl::string_view patch;
  absl::string_view merged;
};

class MergeJsonTest : public ::testing::TestWithParam<Case> {};

TEST_P(MergeJsonTest, Merges) {
  EXPECT_EQ(MergeJson(GetParam().target, GetParam().patch), GetParam().merged);
}

INSTANTIATE_TEST_SUITE_P(
    Rfc7396, MergeJsonTest,
    ::testing::Values(
        Case{R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
        Case{R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
        Case{R"({"a":"b"})", R"({"a":null})", R"({})"},
        Case{R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
        Case{R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
        Case{R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
        Case{R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})",
             R"({"a":{"b":"d"}})"},
        Case{R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
        Case{R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
        Case{R"({"a":"b"})", R"(["c"])", R"(["c"])"},
        Case{R"({"a":"foo"})", R"(null)", R"(null)"},
        Case{R"({"a":"foo"})", R"("bar")", R"("bar")"},
        Case{R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
        Case{R"([1,2])", R"({"a":"b","c":null})", R"({"a":"b"})"},
        Case{R"({})", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"}));

INSTANTIATE_TEST_SUITE_P(
    AsWritten, MergeJsonTest,
    ::testing::Values(
        // Beyond what a double holds.
        Case{R"({"n":12345678901234567890.10})", R"({"m":1})",
             R"({"n":12345678901234567890.10,"m":1})"},
        Case{R"({"a":1,"b":2})", R"({"b":3,"a":4})", R"({"a":4,"b":3})"},
        // Of a name that comes twice the last counts.
        Case{R"({"a":1,"a":2})", R"({})", R"({"a":2})"},
        Case{R"({"a":1})", R"({"a":2,"a":null})", R"({})"},
        Case{R"({"a\n":1})", R"({"\u0061\n":2})", R"({"a\u000a":2})"}));

}  // namespace
}  // namespace roomlog
