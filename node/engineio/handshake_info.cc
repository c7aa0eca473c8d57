#include "node/engineio/handshake_info.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace roomlog {

void HeaderList::Add(absl::string_view name, absl::string_view value) {
  absl::StrAppend(&lines_, name, ": ", value, "\r\n");
}

HeaderList::Header HeaderList::TakeFirst(absl::string_view* lines) {
  const size_t end = lines->find("\r\n");
  const absl::string_view line = lines->substr(0, end);
  lines->remove_prefix(end + 2);
  const size_t colon = line.find(':');
  return {line.substr(0, colon), line.substr(colon + 2)};
}

absl::string_view HeaderList::Find(absl::string_view name) const {
  absl::string_view lines = lines_;
  while (!lines.empty()) {
    const Header header = TakeFirst(&lines);
    if (absl::EqualsIgnoreCase(header.first, name)) return header.second;
  }
  return "";
}

std::vector<HeaderList::Header> HeaderList::All() const {
  std::vector<Header> all;
  absl::string_view lines = lines_;
  while (!lines.empty()) all.push_back(TakeFirst(&lines));
  return all;
}

}  // namespace roomlog
