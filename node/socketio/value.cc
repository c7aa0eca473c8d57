#include "node/socketio/value.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace roomlog {
namespace {

const Value& NullValue() {
  static const Value* const null = new Value();
  return *null;
}

// A JSON string as JSON.stringify writes it.
void AppendQuoted(absl::string_view text, std::string* json) {
  json->push_back('"');
  for (const char c : text) {
    switch (c) {
      case '"':
      case '\\':
        json->push_back('\\');
        json->push_back(c);
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
        if (static_cast<uint8_t>(c) < 0x20) {
          absl::StrAppendFormat(json, "\\u%04x", c);
        } else {
          json->push_back(c);
        }
    }
  }
  json->push_back('"');
}

}  // namespace

Value::Value() = default;
Value::Value(const Value& other) = default;
Value::Value(Value&& other) noexcept = default;
Value& Value::operator=(const Value& other) = default;
Value& Value::operator=(Value&& other) noexcept = default;
Value::~Value() = default;

bool Value::AsBool(bool otherwise) const {
  const auto* value = std::get_if<bool>(&data_);
  return value != nullptr ? *value : otherwise;
}

double Value::AsNumber(double otherwise) const {
  const auto* value = std::get_if<double>(&data_);
  return value != nullptr ? *value : otherwise;
}

absl::string_view Value::AsString(absl::string_view otherwise) const {
  const auto* value = std::get_if<std::string>(&data_);
  return value != nullptr ? absl::string_view(*value) : otherwise;
}

absl::string_view Value::AsBinary() const {
  const auto* value = std::get_if<SharedBytes>(&data_);
  return value != nullptr ? value->view() : absl::string_view();
}

const Value::Array& Value::AsArray() const {
  static const Array* const none = new Array();
  const auto* value = std::get_if<Array>(&data_);
  return value != nullptr ? *value : *none;
}

const Value::Object& Value::AsObject() const {
  static const Object* const none = new Object();
  const auto* value = std::get_if<Object>(&data_);
  return value != nullptr ? *value : *none;
}

size_t Value::size() const { return AsArray().size() + AsObject().size(); }

const Value& Value::operator[](size_t index) const {
  const Array& elements = AsArray();
  return index < elements.size() ? elements[index] : NullValue();
}

const Value& Value::operator[](absl::string_view key) const {
  for (const auto& [name, member] : AsObject()) {
    if (name == key) return member;
  }
  return NullValue();
}

Value& Value::Set(absl::string_view key, Value value) {
  if (!is_object()) data_ = Object();
  Object& members = std::get<Object>(data_);
  for (auto& [name, member] : members) {
    if (name == key) return member = std::move(value);
  }
  members.emplace_back(std::string(key), std::move(value));
  return members.back().second;
}

Value& Value::Append(Value value) {
  if (!is_array()) data_ = Array();
  Array& elements = std::get<Array>(data_);
  elements.push_back(std::move(value));
  return elements.back();
}

std::string Value::ToJson() const {
  std::string json;
  AppendJson(&json, nullptr);
  return json;
}

void Value::AppendJson(std::string* json,
                       std::vector<SharedBytes>* attachments) const {
  if (is_string()) {
    AppendQuoted(AsString(), json);
  } else if (is_number()) {
    json->append(FormatNumber(AsNumber()));
  } else if (is_bool()) {
    json->append(AsBool() ? "true" : "false");
  } else if (is_array()) {
    char before = '[';
    for (const Value& element : AsArray()) {
      json->push_back(std::exchange(before, ','));
      element.AppendJson(json, attachments);
    }
    json->append(before == '[' ? "[]" : "]");
  } else if (is_object()) {
    char before = '{';
    for (const auto& [key, member] : AsObject()) {
      json->push_back(std::exchange(before, ','));
      AppendQuoted(key, json);
      json->push_back(':');
      member.AppendJson(json, attachments);
    }
    json->append(before == '{' ? "{}" : "}");
  } else if (is_binary() && attachments != nullptr) {
    absl::StrAppend(json, R"({"_placeholder":true,"num":)", attachments->size(),
                    "}");
    attachments->push_back(std::get<SharedBytes>(data_));
  } else {
    json->append("null");
  }
}

bool Value::has_binary() const {
  if (is_binary()) return true;
  for (const Value& element : AsArray()) {
    if (element.has_binary()) return true;
  }
  for (const auto& [key, member] : AsObject()) {
    if (member.has_binary()) return true;
  }
  return false;
}

bool operator==(const Value& a, const Value& b) {
  if (a.data_.index() != b.data_.index()) return false;
  if (a.is_binary()) return a.AsBinary() == b.AsBinary();
  if (a.is_bool()) return a.AsBool() == b.AsBool();
  if (a.is_number()) return a.AsNumber() == b.AsNumber();
  if (a.is_string()) return a.AsString() == b.AsString();
  return a.AsArray() == b.AsArray() && a.AsObject() == b.AsObject();
}

std::ostream& operator<<(std::ostream& out, const Value& value) {
  std::vector<SharedBytes> attachments;
  std::string json;
  value.AppendJson(&json, &attachments);
  out << json;
  for (const SharedBytes& bytes : attachments) {
    out << " <" << bytes.size() << " bytes>";
  }
  return out;
}

}  // namespace roomlog
