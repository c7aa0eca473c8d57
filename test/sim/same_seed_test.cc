// The same seed tells the same story in another process.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "gtest/gtest.h"
#include "test/sim/simulated_run.h"

namespace roomlog {
namespace {

// What the whole history comes to.
std::string StoryOf(uint64_t seed) {
  SimulationOptions options;
  options.seed = seed;
  SimulatedRun run(options);
  run.Run();
  return run.Description();
}

// The same in a process of its own, in which memory lies elsewhere and tables
// have another order.
std::string StoryElsewhere(uint64_t seed) {
  const std::string command =
      "/proc/self/exe";  // Of this process: popen() would ask its shell.
  char path[4096];
  const ssize_t length = readlink(command.c_str(), path, sizeof(path) - 1);
  if (length <= 0) return "";
  path[length] = '\0';
  FILE* const out = popen(
      ("SIM_STORY=" + std::to_string(seed) + " '" + path + "'").c_str(), "r");
  if (out == nullptr) return "";
  std::string story;
  char buffer[4096];
  while (const size_t read = fread(buffer, 1, sizeof(buffer), out)) {
    story.append(buffer, read);
  }
  pclose(out);
  return story;
}

TEST(SameSeedTest, TellsTheSameStoryInAnotherProcess) {
  // Synced and not, with little memory and with much.
  for (const uint64_t seed : {1, 3, 4, 5, 60}) {
    EXPECT_EQ(StoryElsewhere(seed), StoryOf(seed));
  }
}

TEST(SameSeedTest, AnotherSeedTellsAnother) {
  EXPECT_NE(StoryOf(1), StoryOf(2));
}

}  // namespace
}  // namespace roomlog

int main(int argc, char** argv) {
  if (const char* const seed = std::getenv("SIM_STORY")) {
    std::fputs(roomlog::StoryOf(std::strtoull(seed, nullptr, 10)).c_str(),
               stdout);
    return 0;
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
