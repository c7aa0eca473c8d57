// JSON to values and numbers to text: see value.h.
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "base/json.h"
#include "node/socketio/value.h"

namespace roomlog {
namespace {

// Members beyond which looking for one of the same name by walking would cost
// a hostile client less than us.
constexpr size_t kWalkedMembersMax = 16;

// Reads JSON that IsJson() has taken: well-formed, and not too deep to recurse.
class Parser {
 public:
  Parser(absl::string_view json, absl::Span<const SharedBytes> attachments)
      : rest_(json), attachments_(attachments) {}

  absl::StatusOr<Value> Parse() {
    Value value = ParseValue();
    if (missing_) {
      return absl::InvalidArgumentError(
          "a placeholder names an attachment that is not there");
    }
    return value;
  }

 private:
  void SkipSpace() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\n' ||
                              rest_[0] == '\t' || rest_[0] == '\r')) {
      rest_.remove_prefix(1);
    }
  }

  // Takes `c` if it comes next, with the space before and behind.
  bool Take(char c) {
    SkipSpace();
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    SkipSpace();
    return true;
  }

  Value ParseValue() {
    switch (rest_[0]) {
      case '"':
        return ParseString();
      case '[':
        return ParseArray();
      case '{':
        return ParseObject();
      case 't':
        rest_.remove_prefix(4);
        return true;
      case 'f':
        rest_.remove_prefix(5);
        return false;
      case 'n':
        rest_.remove_prefix(4);
        return nullptr;
      default:
        return ParseNumber();
    }
  }

  std::string ParseString() {
    size_t end = 1;
    bool escaped = false;
    while (rest_[end] != '"') {
      if (rest_[end] == '\\') {
        escaped = true;
        ++end;
      }
      ++end;
    }
    const absl::string_view quoted = rest_.substr(0, end + 1);
    rest_.remove_prefix(end + 1);
    return escaped ? Unquote(quoted) : std::string(quoted.substr(1, end - 1));
  }

  Value ParseNumber() {
    double number = 0;
    const auto [end, error] =
        std::from_chars(rest_.data(), rest_.data() + rest_.size(), number);
    if (error == std::errc::result_out_of_range) {
      // Too small or too large: what the digits say tells which.
      const absl::string_view text(rest_.data(), end - rest_.data());
      const size_t exponent = text.find_first_of("eE");
      const bool small = exponent != text.npos
                             ? text.substr(exponent + 1, 1) == "-"
                             : text.find('.') <= 2;
      number = small ? 0 : std::numeric_limits<double>::infinity();
      if (text[0] == '-') number = -number;
    }
    rest_.remove_prefix(end - rest_.data());
    return number;
  }

  Value ParseArray() {
    Value::Array elements;
    Take('[');
    while (!Take(']')) {
      elements.push_back(ParseValue());
      Take(',');
    }
    // Take() skipped space behind the bracket, which does no harm.
    return elements;
  }

  Value ParseObject() {
    Value::Object members;
    absl::flat_hash_map<std::string, size_t> places;
    Take('{');
    while (!Take('}')) {
      std::string key = ParseString();
      Take(':');
      Value value = ParseValue();
      Take(',');
      if (Value* const same = Find(key, members, places)) {
        *same = std::move(value);
        continue;
      }
      if (members.size() >= kWalkedMembersMax) places[key] = members.size();
      members.emplace_back(std::move(key), std::move(value));
    }
    if (!attachments_.empty()) {
      Value object(std::move(members));
      if (object["_placeholder"] == Value(true)) return Attachment(object);
      return object;
    }
    return members;
  }

  static Value* Find(const std::string& key, Value::Object& members,
                     const absl::flat_hash_map<std::string, size_t>& places) {
    for (size_t i = 0; i < members.size() && i < kWalkedMembersMax; ++i) {
      if (members[i].first == key) return &members[i].second;
    }
    const auto place = places.find(key);
    return place == places.end() ? nullptr : &members[place->second].second;
  }

  Value Attachment(const Value& placeholder) {
    const Value& num = placeholder["num"];
    const double index = num.AsNumber(-1);
    if (index < 0 || index != std::floor(index) ||
        index >= static_cast<double>(attachments_.size())) {
      missing_ = true;
      return nullptr;
    }
    return attachments_[static_cast<size_t>(index)];
  }

  absl::string_view rest_;
  const absl::Span<const SharedBytes> attachments_;
  bool missing_ = false;
};

}  // namespace

absl::StatusOr<Value> ParseJson(absl::string_view json) {
  return ParseJson(json, {});
}

absl::StatusOr<Value> ParseJson(absl::string_view json,
                                absl::Span<const SharedBytes> attachments) {
  if (!IsJson(json)) return absl::InvalidArgumentError("this is not JSON");
  return Parser(json, attachments).Parse();
}

std::string FormatNumber(double number) {
  if (!std::isfinite(number)) return "null";
  if (number == 0) return "0";
  // The shortest digits that read back as the same number, as d.ddde+xx.
  char buffer[32];
  const auto [end, error] = std::to_chars(
      buffer, buffer + sizeof(buffer), number, std::chars_format::scientific);
  absl::string_view text(buffer, end - buffer);
  std::string out;
  if (text[0] == '-') {
    out.push_back('-');
    text.remove_prefix(1);
  }
  const size_t e = text.find('e');
  std::string digits(text.substr(0, 1));
  if (e > 1) digits.append(text.data() + 2, e - 2);
  int exponent = 0;
  const absl::string_view power = text.substr(e + 2);
  std::from_chars(power.data(), power.data() + power.size(), exponent);
  if (text[e + 1] == '-') exponent = -exponent;

  // ECMAScript, Number::toString.
  const int count = static_cast<int>(digits.size());
  const int point = exponent + 1;  // Digits before the decimal point.
  if (count <= point && point <= 21) {
    absl::StrAppend(&out, digits, std::string(point - count, '0'));
  } else if (0 < point && point <= 21) {
    absl::StrAppend(&out, digits.substr(0, point), ".", digits.substr(point));
  } else if (-6 < point && point <= 0) {
    absl::StrAppend(&out, "0.", std::string(-point, '0'), digits);
  } else {
    absl::StrAppend(&out, digits.substr(0, 1), count > 1 ? "." : "",
                    digits.substr(1), "e", exponent < 0 ? "-" : "+",
                    std::abs(exponent));
  }
  return out;
}

}  // namespace roomlog
