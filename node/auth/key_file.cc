#include "node/auth/key_file.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/small_file.h"
#include "node/auth/auth_limits.h"

namespace roomlog {

absl::StatusOr<std::unique_ptr<KeyFile>> KeyFile::Open(std::string path,
                                                       Kind kind) {
  std::unique_ptr<KeyFile> file(new KeyFile(std::move(path), kind));
  const absl::Status read = file->Reread();
  if (!read.ok()) return read;
  return file;
}

absl::Status KeyFile::Reread() {
  const absl::StatusOr<std::string> text =
      ReadSmallFile(path_, kKeyFileBytesMax);
  if (!text.ok()) return text.status();
  absl::StatusOr<KeySet> keys = kind_ == Kind::kSecret
                                    ? KeySet::FromSecret(*text)
                                    : KeySet::FromPublicKeys(*text);
  if (!keys.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path_, ": ", keys.status().message()));
  }
  auto shared = std::make_shared<const KeySet>(*std::move(keys));
  const std::lock_guard lock(mutex_);
  keys_ = std::move(shared);
  return absl::OkStatus();
}

std::shared_ptr<const KeySet> KeyFile::keys() const {
  const std::lock_guard lock(mutex_);
  return keys_;
}

}  // namespace roomlog
