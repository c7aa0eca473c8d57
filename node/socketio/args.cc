#include "node/socketio/args.h"

#include <limits>

#include "base/json.h"

namespace roomlog {

const Value& Args::operator[](size_t index) const {
  static const Value* const null = new Value();
  return index < all().size() ? all()[index] : *null;
}

absl::string_view Args::Json(size_t index) const {
  return index < size() ? texts()[skip_ + index] : absl::string_view();
}

Values Args::ToValues() const { return all(); }

const std::vector<absl::string_view>& Args::texts() const {
  if (!texts_.has_value()) {
    texts_ = Elements(array_, std::numeric_limits<size_t>::max());
  }
  return *texts_;
}

const Values& Args::all() const {
  if (!values_.has_value()) {
    values_.emplace();
    for (size_t i = skip_; i < texts().size(); ++i) {
      // The packet was checked when it came, so there is no error here.
      values_->push_back(ParseJson(texts()[i], attachments_).value_or(Value()));
    }
  }
  return *values_;
}

}  // namespace roomlog
