#include "broker/transport/allowed_nodes.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/curve_key.h"
#include "base/limits.h"
#include "base/small_file.h"
#include "base/utf8.h"

namespace roomlog {
namespace {

// A key, a name as long as a node's may be, and as much again in comments.
constexpr size_t kFileBytesMax = kNodesMax * size_t{1024};

}  // namespace

absl::StatusOr<std::unique_ptr<AllowedNodes>> AllowedNodes::Open(
    std::string path) {
  std::unique_ptr<AllowedNodes> nodes(new AllowedNodes(std::move(path)));
  const absl::Status read = nodes->Reread();
  if (!read.ok()) return read;
  return nodes;
}

absl::Status AllowedNodes::Reread() {
  const absl::StatusOr<std::string> text = ReadSmallFile(path_, kFileBytesMax);
  if (!text.ok()) return text.status();
  Names names;
  size_t number = 0;
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    ++number;
    const auto wrong = [&](absl::string_view why) {
      return absl::InvalidArgumentError(
          absl::StrCat(path_, ":", number, ": ", why));
    };
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || absl::StartsWith(line, "#")) continue;
    const size_t end = line.find_first_of(" \t");
    const absl::StatusOr<CurvePublicKey> key =
        CurvePublicKey::Parse(line.substr(0, end));
    if (!key.ok()) return wrong(key.status().message());
    if (end == line.npos) return wrong("the node's name is missing");
    const absl::string_view name = absl::StripAsciiWhitespace(line.substr(end));
    if (!IsUtf8(name)) return wrong("the node's name is not UTF-8");
    if (!names.emplace(key->ToHex(), std::string(name)).second) {
      return wrong("the key is there twice");
    }
    if (names.size() > kNodesMax) {
      return wrong(absl::StrCat("more than ", kNodesMax, " nodes"));
    }
  }
  const std::lock_guard lock(mutex_);
  names_ = std::move(names);
  return absl::OkStatus();
}

std::optional<std::string> AllowedNodes::NameOf(
    absl::string_view key_hex) const {
  const std::lock_guard lock(mutex_);
  const auto found = names_.find(key_hex);
  if (found == names_.end()) return std::nullopt;
  return found->second;
}

size_t AllowedNodes::size() const {
  const std::lock_guard lock(mutex_);
  return names_.size();
}

}  // namespace roomlog
