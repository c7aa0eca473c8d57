#include "node/api/api_keys.h"

#include <openssl/evp.h>

#include <array>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/small_file.h"
#include "node/api/api_limits.h"

namespace roomlog {
namespace {

// Empty: OpenSSL could not.
std::string DigestOf(absl::string_view key) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int bytes = 0;
  if (EVP_Digest(key.data(), key.size(), digest.data(), &bytes, EVP_sha256(),
                 nullptr) != 1) {
    return "";
  }
  return std::string(digest.begin(), digest.begin() + bytes);
}

// Takes the next word, and the space behind it.
absl::string_view TakeWord(absl::string_view* line) {
  const size_t end = line->find_first_of(" \t");
  const absl::string_view word = line->substr(0, end);
  *line = end == line->npos
              ? absl::string_view()
              : absl::StripLeadingAsciiWhitespace(line->substr(end));
  return word;
}

}  // namespace

absl::StatusOr<ApiKeys> ApiKeys::Parse(absl::string_view text) {
  ApiKeys keys;
  size_t number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    const auto wrong = [number](absl::string_view why) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number, ": ", why));
    };
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line[0] == '#') continue;
    ApiAccess access;
    access.name = std::string(TakeWord(&line));
    const absl::string_view key = TakeWord(&line);
    if (key.empty()) {
      return wrong("a name and a key are wanted, with a space between them");
    }
    if (key.size() < kApiKeyBytesMin) {
      return wrong(absl::StrCat(
          "a key of ", key.size(), " characters can be guessed; take ",
          kApiKeyBytesMin, " or more, as from: openssl rand -hex 32"));
    }
    if (!line.empty()) {
      absl::StatusOr<Grants> grants = Grants::Parse(line);
      if (!grants.ok()) return wrong(grants.status().message());
      access.grants = *std::move(grants);
    }
    std::string digest = DigestOf(key);
    if (digest.empty()) return wrong("the key cannot be hashed");
    const bool is_new =
        keys.by_digest_
            .emplace(std::move(digest),
                     std::make_shared<const ApiAccess>(std::move(access)))
            .second;
    if (!is_new) return wrong("this key is there already");
  }
  if (keys.by_digest_.empty()) {
    return absl::InvalidArgumentError("there is no key in it");
  }
  return keys;
}

std::shared_ptr<const ApiAccess> ApiKeys::Find(absl::string_view key) const {
  const auto found = by_digest_.find(DigestOf(key));
  return found == by_digest_.end() ? nullptr : found->second;
}

absl::StatusOr<std::unique_ptr<ApiKeyFile>> ApiKeyFile::Open(std::string path) {
  std::unique_ptr<ApiKeyFile> file(new ApiKeyFile(std::move(path)));
  const absl::Status read = file->Reread();
  if (!read.ok()) return read;
  return file;
}

absl::Status ApiKeyFile::Reread() {
  const absl::StatusOr<std::string> text =
      ReadSmallFile(path_, kApiKeyFileBytesMax);
  if (!text.ok()) return text.status();
  absl::StatusOr<ApiKeys> keys = ApiKeys::Parse(*text);
  if (!keys.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path_, ": ", keys.status().message()));
  }
  auto shared = std::make_shared<const ApiKeys>(*std::move(keys));
  const std::lock_guard lock(mutex_);
  keys_ = std::move(shared);
  return absl::OkStatus();
}

std::shared_ptr<const ApiKeys> ApiKeyFile::keys() const {
  const std::lock_guard lock(mutex_);
  return keys_;
}

}  // namespace roomlog
