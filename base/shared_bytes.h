// Bytes that several owners read and nobody changes.
#ifndef ROOMLOG_BASE_SHARED_BYTES_H_
#define ROOMLOG_BASE_SHARED_BYTES_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace roomlog {

// A view with a share in whatever keeps it alive: a received frame, a string.
// Copying copies no bytes. Immutable, so any thread may hold one.
class SharedBytes {
 public:
  SharedBytes() = default;  // No bytes.
  explicit SharedBytes(std::string bytes) {
    auto owner = std::make_shared<const std::string>(std::move(bytes));
    view_ = *owner;
    owner_ = std::move(owner);
  }
  // `view` lies within what `owner` keeps.
  SharedBytes(absl::string_view view, std::shared_ptr<const void> owner)
      : view_(view), owner_(std::move(owner)) {}

  absl::string_view view() const { return view_; }
  size_t size() const { return view_.size(); }

 private:
  absl::string_view view_;
  std::shared_ptr<const void> owner_;
};

}  // namespace roomlog

#endif  // ROOMLOG_BASE_SHARED_BYTES_H_
