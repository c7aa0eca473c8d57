#include "base/curve_key.h"

#include <zmq.h>

#include <array>
#include <cassert>
#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/small_file.h"

namespace roomlog {
namespace {

constexpr size_t kKeyBytes = 32;
constexpr size_t kKeyDigits = 2 * kKeyBytes;
constexpr size_t kFileBytesMax = 4096;
// ZeroMQ's own text form, with the NUL behind it.
using Z85 = std::array<char, 41>;

std::string FromZ85(const Z85& text) {
  std::string bytes(kKeyBytes, '\0');
  const bool is_decoded =
      zmq_z85_decode(reinterpret_cast<uint8_t*>(bytes.data()), text.data()) !=
      nullptr;
  assert(is_decoded);
  static_cast<void>(is_decoded);
  return bytes;
}

Z85 ToZ85(const std::string& bytes) {
  Z85 text = {};
  zmq_z85_encode(text.data(), reinterpret_cast<const uint8_t*>(bytes.data()),
                 bytes.size());
  return text;
}

absl::StatusOr<std::string> ParseHex(absl::string_view text) {
  bool is_hex = text.size() == kKeyDigits;
  for (const char c : text) is_hex = is_hex && absl::ascii_isxdigit(c);
  // What was there instead is not shown: it may be a secret.
  if (!is_hex) {
    return absl::InvalidArgumentError("a key is 64 hexadecimal digits");
  }
  return absl::HexStringToBytes(text);
}

}  // namespace

absl::StatusOr<CurvePublicKey> CurvePublicKey::Parse(absl::string_view text) {
  absl::StatusOr<std::string> bytes = ParseHex(text);
  if (!bytes.ok()) return bytes.status();
  return CurvePublicKey(*std::move(bytes));
}

std::string CurvePublicKey::ToHex() const {
  return absl::BytesToHexString(bytes_);
}

CurveKeyPair CurveKeyPair::Generate() {
  Z85 public_key = {};
  Z85 secret = {};
  const int failed = zmq_curve_keypair(public_key.data(), secret.data());
  assert(failed == 0);  // It fails only if ZeroMQ was built without CURVE.
  static_cast<void>(failed);
  return CurveKeyPair(CurvePublicKey::FromBytes(FromZ85(public_key)),
                      FromZ85(secret));
}

absl::StatusOr<CurveKeyPair> CurveKeyPair::Parse(absl::string_view file_text) {
  absl::StatusOr<std::string> secret =
      absl::InvalidArgumentError("it holds no key");
  bool is_found = false;
  for (absl::string_view line : absl::StrSplit(file_text, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || absl::StartsWith(line, "#")) continue;
    if (std::exchange(is_found, true)) {
      return absl::InvalidArgumentError("it holds more than one secret key");
    }
    secret = ParseHex(line);
  }
  if (!secret.ok()) return secret.status();
  Z85 public_key = {};
  if (zmq_curve_public(public_key.data(), ToZ85(*secret).data()) != 0) {
    return absl::InvalidArgumentError("it holds no CURVE key");
  }
  return CurveKeyPair(CurvePublicKey::FromBytes(FromZ85(public_key)),
                      *std::move(secret));
}

absl::StatusOr<CurveKeyPair> CurveKeyPair::ReadFile(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadSmallFile(path, kFileBytesMax);
  if (!text.ok()) return text.status();
  absl::StatusOr<CurveKeyPair> key = Parse(*text);
  if (key.ok()) return key;
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": ", key.status().message()));
}

std::string CurveKeyPair::ToFileText() const {
  return absl::StrCat("# The secret key of a node or broker. Its public key:\n",
                      "# ", public_key_.ToHex(), "\n",
                      absl::BytesToHexString(secret_bytes_), "\n");
}

}  // namespace roomlog
