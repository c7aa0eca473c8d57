#include "base/json.h"

#include <bitset>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "base/limits.h"

namespace roomlog {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Walks over JSON. Each Skip... moves beyond what it names, and says whether it
// was there.
class Walker {
 public:
  explicit Walker(absl::string_view text)
      : at_(text.data()), end_(text.data() + text.size()) {}

  bool AtEnd() const { return at_ == end_; }
  const char* at() const { return at_; }

  void SkipSpace() {
    while (at_ != end_ && IsSpace(*at_)) ++at_;
  }

  bool Skip(char c) {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }

  // One whole value. Nesting is kept in bits, not on the stack, so that no
  // client chooses how deep we recurse.
  bool SkipValue() {
    std::bitset<kJsonDepthMax> is_object;
    size_t depth = 0;
    while (true) {
      // Here a value must begin.
      if (at_ == end_) return false;
      if (*at_ == '[' || *at_ == '{') {
        const bool object = *at_ == '{';
        ++at_;
        if (depth == kJsonDepthMax) return false;
        is_object[depth++] = object;
        SkipSpace();
        if (!Skip(object ? '}' : ']')) {
          if (object && !SkipKey()) return false;
          continue;
        }
        --depth;
      } else if (!SkipScalar()) {
        return false;
      }
      // Here a value has ended.
      while (true) {
        if (depth == 0) return true;
        SkipSpace();
        const bool object = is_object[depth - 1];
        if (Skip(',')) {
          SkipSpace();
          if (object && !SkipKey()) return false;
          break;
        }
        if (!Skip(object ? '}' : ']')) return false;
        --depth;
      }
    }
  }

 private:
  // A key, its colon, and the space up to the value.
  bool SkipKey() {
    if (!SkipString()) return false;
    SkipSpace();
    if (!Skip(':')) return false;
    SkipSpace();
    return true;
  }

  bool SkipScalar() {
    switch (*at_) {
      case '"':
        return SkipString();
      case 't':
        return SkipWord("true");
      case 'f':
        return SkipWord("false");
      case 'n':
        return SkipWord("null");
      default:
        return SkipNumber();
    }
  }

  bool SkipWord(absl::string_view word) {
    if (!absl::StartsWith(absl::string_view(at_, end_ - at_), word)) {
      return false;
    }
    at_ += word.size();
    return true;
  }

  bool SkipDigits() {
    const char* const begin = at_;
    while (at_ != end_ && absl::ascii_isdigit(*at_)) ++at_;
    return at_ != begin;
  }

  bool SkipNumber() {
    Skip('-');
    if (!Skip('0') && !SkipDigits()) return false;
    if (Skip('.') && !SkipDigits()) return false;
    if (Skip('e') || Skip('E')) {
      if (!Skip('+')) Skip('-');
      if (!SkipDigits()) return false;
    }
    return true;
  }

  bool SkipString() {
    if (!Skip('"')) return false;
    while (at_ != end_) {
      const auto c = static_cast<uint8_t>(*at_++);
      if (c == '"') return true;
      if (c < 0x20) return false;
      if (c == '\\' && !SkipEscape()) return false;
    }
    return false;
  }

  bool SkipEscape() {
    if (at_ == end_) return false;
    const char c = *at_++;
    if (c != 'u') return absl::StrContains("\"\\/bfnrt", c);
    for (int i = 0; i < 4; ++i) {
      if (at_ == end_ || !absl::ascii_isxdigit(*at_++)) return false;
    }
    return true;
  }

  const char* at_;
  const char* const end_;
};

uint32_t HexValue(absl::string_view digits) {
  uint32_t value = 0;
  for (char c : digits) {
    value =
        value << 4 |
        (absl::ascii_isdigit(c) ? c - '0' : absl::ascii_tolower(c) - 'a' + 10);
  }
  return value;
}

void AppendUtf8(uint32_t code_point, std::string* out) {
  const auto tail = [&](int shift) {
    out->push_back(static_cast<char>(0x80 | ((code_point >> shift) & 0x3f)));
  };
  if (code_point < 0x80) {
    out->push_back(static_cast<char>(code_point));
  } else if (code_point < 0x800) {
    out->push_back(static_cast<char>(0xc0 | code_point >> 6));
    tail(0);
  } else if (code_point < 0x10000) {
    out->push_back(static_cast<char>(0xe0 | code_point >> 12));
    tail(6);
    tail(0);
  } else {
    out->push_back(static_cast<char>(0xf0 | code_point >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

}  // namespace

bool IsJson(absl::string_view text) {
  Walker walker(text);
  return walker.SkipValue() && walker.AtEnd();
}

absl::string_view FirstElement(absl::string_view array) {
  Walker walker(array);
  walker.Skip('[');
  walker.SkipSpace();
  const char* const begin = walker.at();
  if (!walker.SkipValue()) return "";
  return absl::string_view(begin, walker.at() - begin);
}

std::optional<std::vector<absl::string_view>> Elements(absl::string_view array,
                                                       size_t max) {
  std::vector<absl::string_view> elements;
  Walker walker(array);
  walker.Skip('[');
  walker.SkipSpace();
  const char* begin = walker.at();
  while (walker.SkipValue()) {
    if (elements.size() == max) return std::nullopt;
    elements.emplace_back(begin, walker.at() - begin);
    walker.SkipSpace();
    walker.Skip(',');
    walker.SkipSpace();
    begin = walker.at();
  }
  return elements;
}

std::optional<std::vector<std::pair<std::string, absl::string_view>>> Members(
    absl::string_view object, size_t max) {
  std::vector<std::pair<std::string, absl::string_view>> members;
  Walker walker(object);
  walker.Skip('{');
  walker.SkipSpace();
  const char* begin = walker.at();
  while (walker.SkipValue()) {
    if (members.size() == max) return std::nullopt;
    std::string name = Unquote(absl::string_view(begin, walker.at() - begin));
    walker.SkipSpace();
    walker.Skip(':');
    walker.SkipSpace();
    begin = walker.at();
    walker.SkipValue();
    members.emplace_back(std::move(name),
                         absl::string_view(begin, walker.at() - begin));
    walker.SkipSpace();
    walker.Skip(',');
    walker.SkipSpace();
    begin = walker.at();
  }
  return members;
}

std::string Unquote(absl::string_view quoted) {
  absl::string_view rest = quoted.substr(1, quoted.size() - 2);
  std::string out;
  out.reserve(rest.size());
  const auto surrogate = [](absl::string_view text, uint32_t first) {
    // The value of `\uXXXX` at the front, if it is in [first, first + 0x400).
    if (text.size() < 6 || text[0] != '\\' || text[1] != 'u')
      return uint32_t{0};
    const uint32_t value = HexValue(text.substr(2, 4));
    return value >= first && value < first + 0x400 ? value : 0;
  };
  while (!rest.empty()) {
    if (rest[0] != '\\') {
      out.push_back(rest[0]);
      rest.remove_prefix(1);
      continue;
    }
    if (rest[1] != 'u') {
      constexpr absl::string_view kEscapes = "bfnrt", kMeanings = "\b\f\n\r\t";
      const size_t which = kEscapes.find(rest[1]);
      out.push_back(which == kEscapes.npos ? rest[1] : kMeanings[which]);
      rest.remove_prefix(2);
      continue;
    }
    constexpr uint32_t kReplacement = 0xfffd;
    uint32_t code_point = HexValue(rest.substr(2, 4));
    const uint32_t high = surrogate(rest, 0xd800);
    const uint32_t low = surrogate(rest.substr(6), 0xdc00);
    if (high != 0 && low != 0) {
      code_point = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
      rest.remove_prefix(12);
    } else {
      if (code_point >= 0xd800 && code_point < 0xe000)
        code_point = kReplacement;
      rest.remove_prefix(6);
    }
    AppendUtf8(code_point, &out);
  }
  return out;
}

std::string Quote(absl::string_view text) {
  std::string out = "\"";
  out.reserve(text.size() + 2);
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<uint8_t>(c) < 0x20) {
      absl::StrAppendFormat(&out, "\\u%04x", c);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
  return out;
}

}  // namespace roomlog
