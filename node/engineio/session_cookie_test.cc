#include "node/engineio/session_cookie.h"

#include "gtest/gtest.h"

namespace roomlog {
namespace {

TEST(SessionCookieTest, IsWrittenAsTheOfficialServerDoes) {
  EXPECT_EQ(SessionCookie({}, "abc"), "io=abc; Path=/; HttpOnly; SameSite=Lax");
  EXPECT_EQ(SessionCookie({.name = "n",
                           .path = "",
                           .domain = "a.example",
                           .http_only = false,
                           .secure = true,
                           .same_site = "None",
                           .max_age_seconds = 86400},
                          "abc"),
            "n=abc; Max-Age=86400; Domain=a.example; Secure; SameSite=None");
}

}  // namespace
}  // namespace roomlog
