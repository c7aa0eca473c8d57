#include "base/file_watch.h"

#include <atomic>
#include <fstream>
#include <semaphore>

#include "absl/strings/str_cat.h"
#include "base/small_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/status_matchers.h"

namespace roomlog {
namespace {

using ::testing::HasSubstr;

constexpr std::chrono::seconds kPatience{30};

std::string Write(const std::string& name, const std::string& text) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/", name);
  std::ofstream(path) << text;
  return path;
}

TEST(FileWatchTest, TellsOfAFileThatIsWrittenAnew) {
  const std::string path = Write("changes", "one");
  std::counting_semaphore<> told(0);
  FileWatch watch;
  watch.Add(path, [&] { told.release(); });
  watch.Start();
  Write("changes", "three");
  EXPECT_TRUE(told.try_acquire_for(kPatience));
}

TEST(FileWatchTest, RereadsEverythingWhenHungUp) {
  std::counting_semaphore<> told(0);
  FileWatch watch;
  watch.Add(Write("a", "1"), [&] { told.release(); });
  watch.Add(Write("b", "2"), [&] { told.release(); });
  watch.Start();
  watch.Hangup();
  EXPECT_TRUE(told.try_acquire_for(kPatience));
  EXPECT_TRUE(told.try_acquire_for(kPatience));
}

TEST(FileWatchTest, EndsWithoutHavingBegun) { FileWatch watch; }

TEST(ReadSmallFileTest, ReadsUpToTheBoundAndSaysWhichFileIsWrong) {
  const std::string path = Write("small", "12345");
  EXPECT_THAT(ReadSmallFile(path, 5), IsOkAndHolds("12345"));
  EXPECT_THAT(ReadSmallFile(path, 4),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ReadSmallFile(path, 4).status().message(), HasSubstr(path));
  EXPECT_THAT(ReadSmallFile("/nowhere/at/all", 5).status().message(),
              HasSubstr("/nowhere/at/all: No such file"));
  EXPECT_THAT(ReadSmallFile("/", 5),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace roomlog
