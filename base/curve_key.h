// The keys by which nodes and brokers know each other (CurveZMQ).
#ifndef ROOMLOG_BASE_CURVE_KEY_H_
#define ROOMLOG_BASE_CURVE_KEY_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace roomlog {

// 32 bytes, which people see as 64 hexadecimal digits: ZeroMQ's own way of
// writing them needs quotes in every shell and configuration file.
class CurvePublicKey {
 public:
  // INVALID_ARGUMENT: not 64 hexadecimal digits.
  static absl::StatusOr<CurvePublicKey> Parse(absl::string_view text);
  static CurvePublicKey FromBytes(absl::string_view bytes) {
    return CurvePublicKey(std::string(bytes));
  }

  std::string ToHex() const;
  const std::string& bytes() const { return bytes_; }
  friend bool operator==(const CurvePublicKey&,
                         const CurvePublicKey&) = default;

 private:
  explicit CurvePublicKey(std::string bytes) : bytes_(std::move(bytes)) {}

  std::string bytes_;
};

// A secret key, and the public one that belongs to it.
class CurveKeyPair {
 public:
  // Drawn at random.
  static CurveKeyPair Generate();
  // From what ToFileText() wrote: one line with the secret key; empty lines,
  // and those that begin with #, are passed over. INVALID_ARGUMENT: anything
  // else.
  static absl::StatusOr<CurveKeyPair> Parse(absl::string_view file_text);
  // The same from a file; the error names it.
  static absl::StatusOr<CurveKeyPair> ReadFile(const std::string& path);

  std::string ToFileText() const;
  const CurvePublicKey& public_key() const { return public_key_; }
  const std::string& secret_bytes() const { return secret_bytes_; }

 private:
  CurveKeyPair(CurvePublicKey public_key, std::string secret_bytes)
      : public_key_(std::move(public_key)),
        secret_bytes_(std::move(secret_bytes)) {}

  CurvePublicKey public_key_;
  std::string secret_bytes_;
};

}  // namespace roomlog

#endif  // ROOMLOG_BASE_CURVE_KEY_H_
