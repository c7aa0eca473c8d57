#include "base/program_flags.h"

#include <cstdint>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/status_matchers.h"

ABSL_FLAG(std::string, test_text, "default", "");
ABSL_FLAG(uint32_t, test_number, 1, "");
ABSL_FLAG(bool, test_bool, false, "");
ABSL_FLAG(absl::Duration, test_time, absl::Seconds(1), "");

namespace roomlog {
namespace {

using ::testing::HasSubstr;

class ProgramFlagsTest : public ::testing::Test {
 protected:
  static std::string Write(const std::string& text) {
    const std::string path = absl::StrCat(::testing::TempDir(), "/test.conf");
    std::ofstream(path) << text;
    return path;
  }
  static absl::Status Parse(std::vector<std::string> arguments) {
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    return ParseProgramFlags(static_cast<int>(argv.size()), argv.data());
  }

  absl::FlagSaver saver_;
};

TEST_F(ProgramFlagsTest, TakesEachFlagFromTheFile) {
  const std::string path = Write(
      "# A comment\n\n"
      "test_text = with spaces, = and # in it \n"
      "  test_number=7\r\n"
      "test_bool = true\n"
      "test_time = 1m30s");
  EXPECT_THAT(ReadConfigFile(path), IsOk());
  EXPECT_EQ(absl::GetFlag(FLAGS_test_text), "with spaces, = and # in it");
  EXPECT_EQ(absl::GetFlag(FLAGS_test_number), 7);
  EXPECT_TRUE(absl::GetFlag(FLAGS_test_bool));
  EXPECT_EQ(absl::GetFlag(FLAGS_test_time), absl::Seconds(90));
}

TEST_F(ProgramFlagsTest, AFlagMayBeEmpty) {
  EXPECT_THAT(ReadConfigFile(Write("test_text =\n")), IsOk());
  EXPECT_EQ(absl::GetFlag(FLAGS_test_text), "");
}

TEST_F(ProgramFlagsTest, TheCommandLineCountsMore) {
  const std::string path = Write("test_text = file\ntest_number = 7\n");
  EXPECT_THAT(
      Parse({"program", "--test_text=line", absl::StrCat("--config=", path)}),
      IsOk());
  EXPECT_EQ(absl::GetFlag(FLAGS_test_text), "line");
  EXPECT_EQ(absl::GetFlag(FLAGS_test_number), 7);
  EXPECT_THAT(Parse({"program", "-config", path, "--test_number", "8"}),
              IsOk());
  EXPECT_EQ(absl::GetFlag(FLAGS_test_number), 8);
}

TEST_F(ProgramFlagsTest, NamesTheFileAndTheLineThatIsWrong) {
  for (const auto& [text, where] :
       std::vector<std::pair<std::string, std::string>>{
           {"test_nmuber = 7", ":1: there is no flag \"test_nmuber\""},
           {"\n# x\ntest_number = many", ":3: Illegal value 'many'"},
           {"test_number = -1", ":1: Illegal value"},
           {"test_number = 7\ntest_number = 7", ":2: test_number was set in"},
           {"test_number", ":1: \"test_number\" is not"},
           {"= 7", ":1: there is no flag"},
           {"--test_number = 7", ":1: there is no flag"},
           {"config = other", ":1: there is no flag"},
           {"flagfile = other", ":1: there is no flag"},
           {"help = true", ":1: there is no flag"},
           {"test_bool = maybe", ":1: Illegal value"},
       }) {
    const std::string path = Write(text);
    const absl::Status read = ReadConfigFile(path);
    EXPECT_THAT(read, StatusIs(absl::StatusCode::kInvalidArgument)) << text;
    EXPECT_THAT(std::string(read.message()), HasSubstr(path + where));
  }
  EXPECT_THAT(std::string(ReadConfigFile("/nowhere").message()),
              HasSubstr("/nowhere: No such file"));
}

TEST_F(ProgramFlagsTest, RefusesWhatIsNoFlag) {
  EXPECT_THAT(Parse({"program", "test_number=7"}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace roomlog
