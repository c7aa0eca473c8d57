// The arguments of an event, or of an acknowledgement, as they came.
#ifndef ROOMLOG_NODE_SOCKETIO_ARGS_H_
#define ROOMLOG_NODE_SOCKETIO_ARGS_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/shared_bytes.h"
#include "node/socketio/value.h"

namespace roomlog {

// Several values, as an emit or an acknowledgement carries them.
using Values = std::vector<Value>;

// Read when they are looked at, so who only passes them on pays nothing. Lasts
// as long as the call that it is an argument of; values may be copied out of
// it. One thread.
class Args {
 public:
  // Borrows both. `array` is a JSON array that DecodePacket() took, of which
  // the first `skip` elements are no arguments.
  Args(absl::string_view array, absl::Span<const SharedBytes> attachments,
       size_t skip)
      : array_(array), attachments_(attachments), skip_(skip) {}
  Args(const Args&) = delete;
  Args& operator=(const Args&) = delete;

  size_t size() const { return texts().size() - skip_; }
  bool empty() const { return size() == 0; }
  // null beyond the end, as in JavaScript.
  const Value& operator[](size_t index) const;
  // The JSON of one argument byte for byte; empty beyond the end.
  absl::string_view Json(size_t index) const;
  // The JSON array as it came, with the event's name first if it is an event.
  // Bytes are placeholders in it, numbered as in attachments().
  absl::string_view array() const { return array_; }
  absl::Span<const SharedBytes> attachments() const { return attachments_; }

  Values ToValues() const;
  // For loops. Reads them all.
  Values::const_iterator begin() const { return all().begin(); }
  Values::const_iterator end() const { return all().end(); }

 private:
  const std::vector<absl::string_view>& texts() const;
  const Values& all() const;

  const absl::string_view array_;
  const absl::Span<const SharedBytes> attachments_;
  const size_t skip_;
  mutable std::optional<std::vector<absl::string_view>> texts_;
  mutable std::optional<Values> values_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SOCKETIO_ARGS_H_
