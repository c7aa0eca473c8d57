#include "test/sim/history.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace roomlog {
namespace {

constexpr size_t kTailLinesMax = 4000;

}  // namespace

void History::Note(absl::string_view line) {
  const int64_t now = absl::ToInt64Microseconds(clock_.Steady());
  Mix(absl::string_view(reinterpret_cast<const char*>(&now), sizeof(now)));
  Mix(line);
  tail_.push_back(absl::StrCat(
      absl::FormatDuration(clock_.Steady() - FakeClock().Steady()), " ", line));
  if (tail_.size() > kTailLinesMax) tail_.pop_front();
}

void History::Mix(absl::string_view bytes) {
  for (const char byte : bytes) {
    hash_ = (hash_ ^ static_cast<unsigned char>(byte)) * 1099511628211u;
  }
}

}  // namespace roomlog
