#include "node/rooms/json_text.h"

#include <array>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "base/room_key.h"

namespace roomlog {
namespace {

// Goes over JSON text and stops where it is not JSON.
class Scanner {
 public:
  explicit Scanner(absl::string_view text) : text_(text) {}

  size_t at() const { return at_; }
  bool at_end() const { return at_ == text_.size(); }

  void SkipSpace() {
    while (!at_end() && (text_[at_] == ' ' || text_[at_] == '\n' ||
                         text_[at_] == '\r' || text_[at_] == '\t')) {
      ++at_;
    }
  }

  bool Skip(char wanted) {
    if (at_end() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }

  // One value of any kind. Keeps its own stack, so depth costs no recursion.
  bool SkipValue() {
    std::array<char, kJsonDepthMax> closers;  // Of what is open.
    size_t depth = 0;
    while (true) {
      SkipSpace();
      if (at_end()) return false;
      const char first = text_[at_];
      if (first == '{' || first == '[') {
        if (depth == closers.size()) return false;
        const char closer = first == '{' ? '}' : ']';
        ++at_;
        SkipSpace();
        if (!Skip(closer)) {
          closers[depth++] = closer;
          if (closer == '}' && !SkipMemberName()) return false;
          continue;
        }
      } else if (!SkipScalar(first)) {
        return false;
      }
      // A value ended here; it may be the last of what it lies in.
      while (true) {
        if (depth == 0) return true;
        SkipSpace();
        if (Skip(',')) {
          if (closers[depth - 1] == '}' && !SkipMemberName()) return false;
          break;
        }
        if (!Skip(closers[depth - 1])) return false;
        --depth;
      }
    }
  }

  bool SkipString() {
    if (!Skip('"')) return false;
    while (!at_end()) {
      const char c = text_[at_++];
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c == '\\' && !SkipEscape()) return false;
    }
    return false;
  }

 private:
  bool SkipEscape() {
    if (at_end()) return false;
    const char c = text_[at_++];
    if (c != 'u') return absl::StrContains("\"\\/bfnrt", c);
    for (int i = 0; i < 4; ++i) {
      if (at_end() || !absl::ascii_isxdigit(text_[at_++])) return false;
    }
    return true;
  }

  bool SkipMemberName() {
    SkipSpace();
    if (!SkipString()) return false;
    SkipSpace();
    return Skip(':');
  }

  bool SkipScalar(char first) {
    switch (first) {
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
    if (!absl::StartsWith(text_.substr(at_), word)) return false;
    at_ += word.size();
    return true;
  }

  bool SkipDigits() {
    const size_t begin = at_;
    while (!at_end() && absl::ascii_isdigit(text_[at_])) ++at_;
    return at_ > begin;
  }

  bool SkipNumber() {
    Skip('-');
    if (!Skip('0') && !SkipDigits()) return false;
    if (Skip('.') && !SkipDigits()) return false;
    if (Skip('e') || Skip('E')) {
      if (!Skip('+')) Skip('-');
      return SkipDigits();
    }
    return true;
  }

  const absl::string_view text_;
  size_t at_ = 0;
};

absl::Status Malformed(const Scanner& scanner) {
  return absl::InvalidArgumentError(absl::StrCat(
      "malformed or too deeply nested JSON at byte ", scanner.at()));
}

}  // namespace

absl::StatusOr<std::vector<absl::string_view>> SplitJsonArray(
    absl::string_view json, size_t elements_max) {
  if (!IsUtf8(json)) {
    return absl::InvalidArgumentError("the message is not UTF-8");
  }
  std::vector<absl::string_view> elements;
  Scanner scanner(json);
  scanner.SkipSpace();
  if (!scanner.Skip('[')) return Malformed(scanner);
  scanner.SkipSpace();
  if (!scanner.Skip(']')) {
    do {
      if (elements.size() == elements_max) {
        return absl::InvalidArgumentError(
            absl::StrCat("more than ", elements_max, " elements"));
      }
      scanner.SkipSpace();
      const size_t begin = scanner.at();
      if (!scanner.SkipValue()) return Malformed(scanner);
      elements.push_back(json.substr(begin, scanner.at() - begin));
      scanner.SkipSpace();
    } while (scanner.Skip(','));
    if (!scanner.Skip(']')) return Malformed(scanner);
  }
  scanner.SkipSpace();
  if (!scanner.at_end()) return Malformed(scanner);
  return elements;
}

absl::string_view LeadingJsonString(absl::string_view json) {
  Scanner scanner(json);
  return scanner.SkipString() ? json.substr(0, scanner.at())
                              : absl::string_view();
}

void AppendJsonString(absl::string_view text, std::string* json) {
  const bool is_utf8 = IsUtf8(text);
  json->push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '"':
        json->append("\\\"");
        break;
      case '\\':
        json->append("\\\\");
        break;
      case '\b':
        json->append("\\b");
        break;
      case '\f':
        json->append("\\f");
        break;
      case '\n':
        json->append("\\n");
        break;
      case '\r':
        json->append("\\r");
        break;
      case '\t':
        json->append("\\t");
        break;
      default:
        if (byte < 0x20) {
          absl::StrAppend(json, "\\u", absl::Hex(byte, absl::kZeroPad4));
        } else if (byte >= 0x80 && !is_utf8) {
          json->append("\xEF\xBF\xBD");
        } else {
          json->push_back(c);
        }
    }
  }
  json->push_back('"');
}

}  // namespace roomlog
