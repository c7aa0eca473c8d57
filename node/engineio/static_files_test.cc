#include "node/engineio/static_files.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"

namespace roomlog {
namespace {

namespace fs = std::filesystem;

class StaticFilesTest : public ::testing::Test {
 protected:
  StaticFilesTest() {
    std::string name = absl::StrCat(::testing::TempDir(), "/static.XXXXXX");
    top_ = mkdtemp(name.data());
    Write("outside.txt", "secret");
    fs::create_directories(top_ / "root/sub/.git");
    fs::create_directories(top_ / "root-too");
    Write("root/index.html", "<p>home");
    Write("root/app.js", "let x;");
    Write("root/a b.txt", "spaced");
    Write("root/sub/index.html", "<p>sub");
    Write("root/sub/data.bin", std::string(3, '\0'));
    Write("root/.hidden", "hidden");
    Write("root/sub/.git/config", "hidden");
    Write("root-too/file.txt", "a neighbour with a longer name");
    fs::create_symlink("../outside.txt", top_ / "root/link.txt");
    fs::create_symlink("..", top_ / "root/up");
    fs::create_symlink("../root-too", top_ / "root/neighbour");
    fs::create_symlink("sub/index.html", top_ / "root/within.html");
    mkfifo((top_ / "root/pipe").c_str(), 0600);
  }
  ~StaticFilesTest() override { fs::remove_all(top_); }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(top_ / name) << text;
  }

  HttpAnswer Get(absl::string_view target,
                 absl::string_view if_none_match = "") {
    HttpRequest request;
    request.method = "GET";
    request.target = target;
    if (!if_none_match.empty()) {
      request.headers.Add("If-None-Match", if_none_match);
    }
    return StaticFiles::Open(top_ / "root")->Answer(request);
  }

  static std::string TagOf(const HttpAnswer& answer) {
    for (const auto& [name, value] : answer.headers) {
      if (name == "ETag") return value;
    }
    return "";
  }

  fs::path top_;
};

TEST_F(StaticFilesTest, ServesFilesWithTheirType) {
  struct Case {
    absl::string_view target;
    uint64_t bytes;
    absl::string_view type;
  };
  const std::vector<Case> cases = {
      {"/", 7, "text/html; charset=UTF-8"},
      {"/?query", 7, "text/html; charset=UTF-8"},
      {"/index.html", 7, "text/html; charset=UTF-8"},
      {"/app.js", 6, "text/javascript; charset=UTF-8"},
      {"/a%20b.txt", 6, "text/plain; charset=UTF-8"},
      {"/sub/", 6, "text/html; charset=UTF-8"},
      {"//sub//data.bin", 3, "application/octet-stream"},
      {"/within.html", 6, "text/html; charset=UTF-8"},
  };
  for (const Case& one : cases) {
    HttpAnswer answer = Get(one.target);
    EXPECT_EQ(answer.status, 200) << one.target;
    EXPECT_EQ(answer.content_type, one.type) << one.target;
    ASSERT_TRUE(answer.file.is_open()) << one.target;
    boost::system::error_code error;
    EXPECT_EQ(answer.file.size(error), one.bytes) << one.target;
  }
}

TEST_F(StaticFilesTest, ServesNothingElse) {
  for (absl::string_view target : {"/none",
                                   "/app.js/",
                                   "/app.js/x",
                                   "/sub",
                                   "/..",
                                   "/../outside.txt",
                                   "/%2e%2e/outside.txt",
                                   "/..%2foutside.txt",
                                   "/sub/../app.js",
                                   "/sub/../../outside.txt",
                                   "/./app.js",
                                   "/.hidden",
                                   "/sub/.git/config",
                                   "/link.txt",
                                   "/up/outside.txt",

                                   "/neighbour/file.txt",
                                   "/pipe",
                                   "/app.js%00",
                                   "/%",
                                   "/%zz",
                                   "app.js",
                                   "",
                                   "*",
                                   "http://host/app.js",
                                   "/\\..\\outside.txt"}) {
    const HttpAnswer answer = Get(target);
    EXPECT_EQ(answer.status, 404) << target;
    EXPECT_FALSE(answer.file.is_open()) << target;
  }
  EXPECT_EQ(Get("/" + std::string(10000, 'x')).status, 404);
}

TEST_F(StaticFilesTest, SaysWhenNothingChanged) {
  const std::string tag = TagOf(Get("/app.js"));
  ASSERT_FALSE(tag.empty());
  for (const std::string& condition :
       {tag, "W/" + tag, "\"other\", " + tag, std::string("*")}) {
    const HttpAnswer answer = Get("/app.js", condition);
    EXPECT_EQ(answer.status, 304) << condition;
    EXPECT_EQ(TagOf(answer), tag);
    EXPECT_FALSE(answer.file.is_open());
  }
  EXPECT_EQ(Get("/app.js", "\"other\"").status, 200);
  Write("root/app.js", "let xy;");
  EXPECT_EQ(Get("/app.js", tag).status, 200);
}

TEST_F(StaticFilesTest, OnlyReads) {
  for (absl::string_view method : {"POST", "PUT", "DELETE", "OPTIONS"}) {
    HttpRequest request;
    request.method = method;
    request.target = "/app.js";
    EXPECT_EQ(StaticFiles::Open(top_ / "root")->Answer(request).status, 405);
  }
}

TEST_F(StaticFilesTest, NeedsADirectory) {
  EXPECT_FALSE(StaticFiles::Open(top_ / "none").ok());
  EXPECT_FALSE(StaticFiles::Open(top_ / "outside.txt").ok());
}

}  // namespace
}  // namespace roomlog
