#include "node/api/api_keys.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"

namespace roomlog {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kOne(32, '1');
const std::string kTwo(32, '2');

TEST(ApiKeysTest, FindsWhoseKeyItIs) {
  const auto keys = ApiKeys::Parse(
      absl::StrCat("# Made on Monday.\n\nbilling ", kOne, "\n  shop\t", kTwo,
                   " publish=orders/*;history=/admin:*  \n"));
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_EQ(keys->size(), 2u);
  ASSERT_NE(keys->Find(kOne), nullptr);
  EXPECT_EQ(keys->Find(kOne)->name, "billing");
  ASSERT_NE(keys->Find(kTwo), nullptr);
  EXPECT_EQ(keys->Find(kTwo)->name, "shop");
  EXPECT_EQ(keys->Find(""), nullptr);
  EXPECT_EQ(keys->Find("billing"), nullptr);
  EXPECT_EQ(keys->Find(kOne.substr(1)), nullptr);
}

TEST(ApiKeysTest, AKeyAllowsWhatItsRulesSay) {
  const auto keys = ApiKeys::Parse(
      absl::StrCat("all ", kOne, "\nshop ", kTwo, " publish=orders/*"));
  ASSERT_TRUE(keys.ok()) << keys.status();
  const auto all = keys->Find(kOne);
  EXPECT_TRUE(all->Allows(Right::kPresence, "/", "anything"));
  const auto shop = keys->Find(kTwo);
  EXPECT_TRUE(shop->Allows(Right::kPublish, "/", "orders/1"));
  EXPECT_FALSE(shop->Allows(Right::kPublish, "/", "news"));
  EXPECT_FALSE(shop->Allows(Right::kHistory, "/", "orders/1"));
}

TEST(ApiKeysTest, SaysWhatIsWrongAndNeverTheKey) {
  const std::string short_key = "hunter2";
  for (const auto& [text, message] :
       {std::pair<std::string, std::string>{"", "no key"},
        {"# nothing", "no key"},
        {"\nlonely", "line 2: a name and a key"},
        {absl::StrCat("a ", short_key), "line 1: a key of 7 characters"},
        {absl::StrCat("a ", kOne, " fly=*"), "line 1: "},
        {absl::StrCat("a ", kOne, "\nb ", kOne),
         "line 2: this key is there"}}) {
    const auto keys = ApiKeys::Parse(text);
    ASSERT_FALSE(keys.ok()) << text;
    EXPECT_THAT(std::string(keys.status().message()), HasSubstr(message));
    EXPECT_THAT(std::string(keys.status().message()), Not(HasSubstr(kOne)));
    EXPECT_THAT(std::string(keys.status().message()),
                Not(HasSubstr(short_key)));
  }
}

}  // namespace
}  // namespace roomlog
