// What Socket.IO carries: JSON, and bytes anywhere in it.
#ifndef ROOMLOG_NODE_SOCKETIO_VALUE_H_
#define ROOMLOG_NODE_SOCKETIO_VALUE_H_

#include <cstddef>
#include <initializer_list>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/shared_bytes.h"

namespace roomlog {

// null, true, 3.5, "text", [..], {..}, or bytes. Numbers are JavaScript's: 64
// bits of floating point. Objects keep the order of their members. Reading what
// is not there, or is of another kind, gives a default rather than an error, so
// that what a client sent can be read without asking first what it is.
class Value {
 public:
  using Array = std::vector<Value>;
  using Member = std::pair<std::string, Value>;
  using Object = std::vector<Member>;

  // Out of line: inlined, each emit would be pages of code, of which GCC 12
  // thinks besides that it reads what was never written.
  Value();  // null
  Value(const Value& other);
  Value(Value&& other) noexcept;
  Value& operator=(const Value& other);
  Value& operator=(Value&& other) noexcept;
  ~Value();

  // Implicit, so that arguments of events are written as they are.
  // NOLINTBEGIN(google-explicit-constructor)
  Value(std::nullptr_t) : Value() {}
  // A template, so that no pointer is taken for a bool.
  template <typename Number,
            std::enable_if_t<std::is_arithmetic_v<Number>, int> = 0>
  Value(Number value) {
    if constexpr (std::is_same_v<Number, bool>) {
      data_ = value;
    } else {
      data_ = static_cast<double>(value);
    }
  }
  // Text must be UTF-8.
  Value(const char* text) : data_(std::string(text)) {}
  Value(absl::string_view text) : data_(std::string(text)) {}
  Value(std::string_view text) : data_(std::string(text)) {}
  Value(std::string text) : data_(std::move(text)) {}
  Value(Array elements) : data_(std::move(elements)) {}
  Value(Object members) : data_(std::move(members)) {}
  Value(SharedBytes bytes) : data_(std::move(bytes)) {}
  // NOLINTEND(google-explicit-constructor)

  static Value Binary(std::string bytes) {
    return Value(SharedBytes(std::move(bytes)));
  }
  static Value ArrayOf(std::initializer_list<Value> elements) {
    return Value(Array(elements));
  }
  static Value ObjectOf(std::initializer_list<Member> members) {
    return Value(Object(members));
  }

  bool is_null() const { return Is<std::monostate>(); }
  bool is_bool() const { return Is<bool>(); }
  bool is_number() const { return Is<double>(); }
  bool is_string() const { return Is<std::string>(); }
  bool is_array() const { return Is<Array>(); }
  bool is_object() const { return Is<Object>(); }
  bool is_binary() const { return Is<SharedBytes>(); }

  bool AsBool(bool otherwise = false) const;
  double AsNumber(double otherwise = 0) const;
  // Text; the view lasts as long as this value is not changed.
  absl::string_view AsString(absl::string_view otherwise = "") const;
  absl::string_view AsBinary() const;
  // No elements, or members, if it is something else.
  const Array& AsArray() const;
  const Object& AsObject() const;

  // Elements of an array, or members of an object.
  size_t size() const;
  // null if there is no such element or member.
  const Value& operator[](size_t index) const;
  const Value& operator[](absl::string_view key) const;
  const Value& operator[](int index) const {
    return (*this)[static_cast<size_t>(index)];
  }
  const Value& operator[](const char* key) const {
    return (*this)[absl::string_view(key)];
  }

  // Sets a member, at its old place if it is there already. What is no object
  // becomes one. Returns the value in its place.
  Value& Set(absl::string_view key, Value value);
  // Adds an element. What is no array becomes one.
  Value& Append(Value value);

  // Compact JSON. A value within it that is bytes is written as null.
  std::string ToJson() const;
  // The same, but bytes go to the end of `attachments`, with Socket.IO's
  // placeholder in their place.
  void AppendJson(std::string* json,
                  std::vector<SharedBytes>* attachments) const;

  bool has_binary() const;

  friend bool operator==(const Value& a, const Value& b);

 private:
  template <typename T>
  bool Is() const {
    return std::holds_alternative<T>(data_);
  }

  std::variant<std::monostate, bool, double, std::string, Array, Object,
               SharedBytes>
      data_;
};

std::ostream& operator<<(std::ostream& out, const Value& value);

// Reads JSON as JavaScript would: large integers lose digits, a lone surrogate
// becomes U+FFFD, of two members of one name the last counts. INVALID_ARGUMENT:
// it is no JSON, or nested deeper than kJsonDepthMax.
absl::StatusOr<Value> ParseJson(absl::string_view json);

// The same for the JSON of a packet with attachments: each placeholder is
// replaced by the bytes it names. INVALID_ARGUMENT also if it names none.
absl::StatusOr<Value> ParseJson(absl::string_view json,
                                absl::Span<const SharedBytes> attachments);

// As JavaScript's String(number) does; not a number and infinity are `null`, as
// JSON.stringify writes them.
std::string FormatNumber(double number);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SOCKETIO_VALUE_H_
